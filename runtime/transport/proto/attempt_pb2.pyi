from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Attempt(_message.Message):
    __slots__ = ("run", "round", "number")
    RUN_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    run: str
    round: int
    number: int
    def __init__(self, run: _Optional[str] = ..., round: _Optional[int] = ..., number: _Optional[int] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("attempt", "agent", "sequence")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    attempt: Attempt
    agent: int
    sequence: int
    def __init__(self, attempt: _Optional[_Union[Attempt, _Mapping]] = ..., agent: _Optional[int] = ..., sequence: _Optional[int] = ...) -> None: ...
