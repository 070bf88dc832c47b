from fedqmix.runtime.transport.proto import attempt_pb2 as _attempt_pb2
from fedqmix.runtime.transport.proto import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AgentRows(_message.Message):
    __slots__ = ("header", "rows")
    class RowsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    header: _attempt_pb2.Header
    rows: _containers.MessageMap[str, _tensor_pb2.Tensor]
    def __init__(self, header: _Optional[_Union[_attempt_pb2.Header, _Mapping]] = ..., rows: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ...) -> None: ...

class Gradients(_message.Message):
    __slots__ = ("rows",)
    class RowsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.MessageMap[str, _tensor_pb2.Tensor]
    def __init__(self, rows: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ...) -> None: ...

class PoolShare(_message.Message):
    __slots__ = ("header", "gradient")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_FIELD_NUMBER: _ClassVar[int]
    header: _attempt_pb2.Header
    gradient: _tensor_pb2.Tensor
    def __init__(self, header: _Optional[_Union[_attempt_pb2.Header, _Mapping]] = ..., gradient: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...

class PoolSum(_message.Message):
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
