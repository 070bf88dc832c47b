from fedqmix.runtime.transport.proto import attempt_pb2 as _attempt_pb2
from fedqmix.runtime.transport.proto import tensor_pb2 as _tensor_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QValues(_message.Message):
    __slots__ = ("header", "q_taken", "q_next")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    Q_TAKEN_FIELD_NUMBER: _ClassVar[int]
    Q_NEXT_FIELD_NUMBER: _ClassVar[int]
    header: _attempt_pb2.Header
    q_taken: _tensor_pb2.Tensor
    q_next: _tensor_pb2.Tensor
    def __init__(self, header: _Optional[_Union[_attempt_pb2.Header, _Mapping]] = ..., q_taken: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., q_next: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...

class PoolShare(_message.Message):
    __slots__ = ("header", "gradient")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_FIELD_NUMBER: _ClassVar[int]
    header: _attempt_pb2.Header
    gradient: _tensor_pb2.Tensor
    def __init__(self, header: _Optional[_Union[_attempt_pb2.Header, _Mapping]] = ..., gradient: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...

class Row(_message.Message):
    __slots__ = ("row",)
    ROW_FIELD_NUMBER: _ClassVar[int]
    row: _tensor_pb2.Tensor
    def __init__(self, row: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...

class Norm(_message.Message):
    __slots__ = ("header", "squared")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SQUARED_FIELD_NUMBER: _ClassVar[int]
    header: _attempt_pb2.Header
    squared: float
    def __init__(self, header: _Optional[_Union[_attempt_pb2.Header, _Mapping]] = ..., squared: _Optional[float] = ...) -> None: ...

class Scale(_message.Message):
    __slots__ = ("scale",)
    SCALE_FIELD_NUMBER: _ClassVar[int]
    scale: float
    def __init__(self, scale: _Optional[float] = ...) -> None: ...

class Finishing(_message.Message):
    __slots__ = ("header",)
    HEADER_FIELD_NUMBER: _ClassVar[int]
    header: _attempt_pb2.Header
    def __init__(self, header: _Optional[_Union[_attempt_pb2.Header, _Mapping]] = ...) -> None: ...

class Finished(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
