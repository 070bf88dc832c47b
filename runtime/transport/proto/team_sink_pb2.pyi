from fedqmix.runtime.transport.proto import attempt_pb2 as _attempt_pb2
from fedqmix.runtime.transport.proto import tensor_pb2 as _tensor_pb2
from fedqmix.runtime.transport.proto import world_pb2 as _world_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TeamTimeStep(_message.Message):
    __slots__ = ("state", "team_reward", "terminated", "truncated", "won", "broken", "exists")
    STATE_FIELD_NUMBER: _ClassVar[int]
    TEAM_REWARD_FIELD_NUMBER: _ClassVar[int]
    TERMINATED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    WON_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    state: _tensor_pb2.Tensor
    team_reward: _tensor_pb2.Tensor
    terminated: _tensor_pb2.Tensor
    truncated: _tensor_pb2.Tensor
    won: _tensor_pb2.Tensor
    broken: _tensor_pb2.Tensor
    exists: _tensor_pb2.Tensor
    def __init__(self, state: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., team_reward: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., terminated: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., truncated: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., won: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., broken: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., exists: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...

class Opened(_message.Message):
    __slots__ = ("attempt", "sequence", "battles", "time_step")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    BATTLES_FIELD_NUMBER: _ClassVar[int]
    TIME_STEP_FIELD_NUMBER: _ClassVar[int]
    attempt: _attempt_pb2.Attempt
    sequence: int
    battles: _world_pb2.EpisodeBatch
    time_step: TeamTimeStep
    def __init__(self, attempt: _Optional[_Union[_attempt_pb2.Attempt, _Mapping]] = ..., sequence: _Optional[int] = ..., battles: _Optional[_Union[_world_pb2.EpisodeBatch, _Mapping]] = ..., time_step: _Optional[_Union[TeamTimeStep, _Mapping]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("attempt", "sequence", "time_step")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_STEP_FIELD_NUMBER: _ClassVar[int]
    attempt: _attempt_pb2.Attempt
    sequence: int
    time_step: TeamTimeStep
    def __init__(self, attempt: _Optional[_Union[_attempt_pb2.Attempt, _Mapping]] = ..., sequence: _Optional[int] = ..., time_step: _Optional[_Union[TeamTimeStep, _Mapping]] = ...) -> None: ...

class Noted(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
