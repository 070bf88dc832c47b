from fedqmix.runtime.transport.proto import attempt_pb2 as _attempt_pb2
from fedqmix.runtime.transport.proto import tensor_pb2 as _tensor_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EpisodeBatch(_message.Message):
    __slots__ = ("purpose", "first", "count", "series")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    purpose: str
    first: int
    count: int
    series: int
    def __init__(self, purpose: _Optional[str] = ..., first: _Optional[int] = ..., count: _Optional[int] = ..., series: _Optional[int] = ...) -> None: ...

class Ready(_message.Message):
    __slots__ = ("header", "battles")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    BATTLES_FIELD_NUMBER: _ClassVar[int]
    header: _attempt_pb2.Header
    battles: EpisodeBatch
    def __init__(self, header: _Optional[_Union[_attempt_pb2.Header, _Mapping]] = ..., battles: _Optional[_Union[EpisodeBatch, _Mapping]] = ...) -> None: ...

class Move(_message.Message):
    __slots__ = ("header", "actions")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    header: _attempt_pb2.Header
    actions: _tensor_pb2.Tensor
    def __init__(self, header: _Optional[_Union[_attempt_pb2.Header, _Mapping]] = ..., actions: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...

class Sight(_message.Message):
    __slots__ = ("observations", "available_actions", "individual_rewards", "terminated", "truncated", "won", "broken", "exists")
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    INDIVIDUAL_REWARDS_FIELD_NUMBER: _ClassVar[int]
    TERMINATED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    WON_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    observations: _tensor_pb2.Tensor
    available_actions: _tensor_pb2.Tensor
    individual_rewards: _tensor_pb2.Tensor
    terminated: _tensor_pb2.Tensor
    truncated: _tensor_pb2.Tensor
    won: _tensor_pb2.Tensor
    broken: _tensor_pb2.Tensor
    exists: _tensor_pb2.Tensor
    def __init__(self, observations: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., available_actions: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., individual_rewards: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., terminated: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., truncated: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., won: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., broken: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., exists: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
