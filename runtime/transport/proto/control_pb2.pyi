from fedqmix.runtime.transport.proto import attempt_pb2 as _attempt_pb2
from fedqmix.runtime.transport.proto import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Run(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: str
    def __init__(self, run: _Optional[str] = ...) -> None: ...

class Held(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Released(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Opening(_message.Message):
    __slots__ = ("attempt", "kind", "config", "initial")
    class InitialEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    INITIAL_FIELD_NUMBER: _ClassVar[int]
    attempt: _attempt_pb2.Attempt
    kind: str
    config: str
    initial: _containers.MessageMap[str, _tensor_pb2.Tensor]
    def __init__(self, attempt: _Optional[_Union[_attempt_pb2.Attempt, _Mapping]] = ..., kind: _Optional[str] = ..., config: _Optional[str] = ..., initial: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ...) -> None: ...

class Prepared(_message.Message):
    __slots__ = ("game",)
    GAME_FIELD_NUMBER: _ClassVar[int]
    game: str
    def __init__(self, game: _Optional[str] = ...) -> None: ...

class StatusQuestion(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: str
    def __init__(self, run: _Optional[str] = ...) -> None: ...

class AgentStanding(_message.Message):
    __slots__ = ("agent", "sequence", "waiting", "silent_s")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    SILENT_S_FIELD_NUMBER: _ClassVar[int]
    agent: int
    sequence: int
    waiting: bool
    silent_s: float
    def __init__(self, agent: _Optional[int] = ..., sequence: _Optional[int] = ..., waiting: bool = ..., silent_s: _Optional[float] = ...) -> None: ...

class Standing(_message.Message):
    __slots__ = ("attempt", "agents", "broken", "computed_s")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    COMPUTED_S_FIELD_NUMBER: _ClassVar[int]
    attempt: _attempt_pb2.Attempt
    agents: _containers.RepeatedCompositeFieldContainer[AgentStanding]
    broken: str
    computed_s: float
    def __init__(self, attempt: _Optional[_Union[_attempt_pb2.Attempt, _Mapping]] = ..., agents: _Optional[_Iterable[_Union[AgentStanding, _Mapping]]] = ..., broken: _Optional[str] = ..., computed_s: _Optional[float] = ...) -> None: ...

class ReportQuestion(_message.Message):
    __slots__ = ("run", "round", "so_far")
    RUN_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    SO_FAR_FIELD_NUMBER: _ClassVar[int]
    run: str
    round: int
    so_far: bool
    def __init__(self, run: _Optional[str] = ..., round: _Optional[int] = ..., so_far: bool = ...) -> None: ...

class MixerReport(_message.Message):
    __slots__ = ("values", "returns")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class ReturnsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Returns
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Returns, _Mapping]] = ...) -> None: ...
    VALUES_FIELD_NUMBER: _ClassVar[int]
    RETURNS_FIELD_NUMBER: _ClassVar[int]
    values: _containers.ScalarMap[str, float]
    returns: _containers.MessageMap[str, Returns]
    def __init__(self, values: _Optional[_Mapping[str, float]] = ..., returns: _Optional[_Mapping[str, Returns]] = ...) -> None: ...

class Returns(_message.Message):
    __slots__ = ("mean", "std")
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    mean: float
    std: float
    def __init__(self, mean: _Optional[float] = ..., std: _Optional[float] = ...) -> None: ...

class Counted(_message.Message):
    __slots__ = ("purpose", "battles", "won", "env_steps", "broken", "individual_returns", "played")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    BATTLES_FIELD_NUMBER: _ClassVar[int]
    WON_FIELD_NUMBER: _ClassVar[int]
    ENV_STEPS_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    INDIVIDUAL_RETURNS_FIELD_NUMBER: _ClassVar[int]
    PLAYED_FIELD_NUMBER: _ClassVar[int]
    purpose: str
    battles: int
    won: int
    env_steps: int
    broken: int
    individual_returns: _containers.RepeatedScalarFieldContainer[float]
    played: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, purpose: _Optional[str] = ..., battles: _Optional[int] = ..., won: _Optional[int] = ..., env_steps: _Optional[int] = ..., broken: _Optional[int] = ..., individual_returns: _Optional[_Iterable[float]] = ..., played: _Optional[_Iterable[int]] = ...) -> None: ...

class Learned(_message.Message):
    __slots__ = ("train_steps", "episodes", "faults")
    class FaultsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: str
        def __init__(self, key: _Optional[int] = ..., value: _Optional[str] = ...) -> None: ...
    TRAIN_STEPS_FIELD_NUMBER: _ClassVar[int]
    EPISODES_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    train_steps: int
    episodes: int
    faults: _containers.ScalarMap[int, str]
    def __init__(self, train_steps: _Optional[int] = ..., episodes: _Optional[int] = ..., faults: _Optional[_Mapping[int, str]] = ...) -> None: ...

class Known(_message.Message):
    __slots__ = ("counted", "learned")
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    LEARNED_FIELD_NUMBER: _ClassVar[int]
    counted: _containers.RepeatedCompositeFieldContainer[Counted]
    learned: Learned
    def __init__(self, counted: _Optional[_Iterable[_Union[Counted, _Mapping]]] = ..., learned: _Optional[_Union[Learned, _Mapping]] = ...) -> None: ...

class LedgerQuestion(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: str
    def __init__(self, run: _Optional[str] = ...) -> None: ...

class LedgerLine(_message.Message):
    __slots__ = ("round", "party", "channel", "bytes_in", "bytes_out")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    PARTY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    BYTES_IN_FIELD_NUMBER: _ClassVar[int]
    BYTES_OUT_FIELD_NUMBER: _ClassVar[int]
    round: int
    party: str
    channel: str
    bytes_in: int
    bytes_out: int
    def __init__(self, round: _Optional[int] = ..., party: _Optional[str] = ..., channel: _Optional[str] = ..., bytes_in: _Optional[int] = ..., bytes_out: _Optional[int] = ...) -> None: ...

class LedgerPage(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[LedgerLine]
    def __init__(self, lines: _Optional[_Iterable[_Union[LedgerLine, _Mapping]]] = ...) -> None: ...
