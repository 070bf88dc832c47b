"""What a service raises is raised by its caller: the same class, the same words, and no traceback."""

import time

import grpc
import pytest

from fedqmix.runtime.core import errors
from fedqmix.runtime.transport.calls import Line
from fedqmix.runtime.transport.control_remote import RemoteControl
from fedqmix.runtime.transport.faults import reported_error
from fedqmix.runtime.transport.proto.control_pb2 import StatusQuestion
from fedqmix.runtime.transport.proto.control_pb2_grpc import ControlStub
from fedqmix.runtime.transport.security import peer
from fedqmix.runtime.transport.world_service import WorldService
from support.federation import ATTEMPT, channel, federation, start
from support.worlds import LocalSink

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.FedqmixError)]


def made(kind):
    if kind is errors.DivergenceError:
        return kind("the gradient of fc.weight of agent 2", "training step 812")
    return kind("what was wrong, “what” is allowed")


@pytest.fixture(scope="module")
def fed():
    with federation() as own:
        yield own


@pytest.fixture
def raising(fed, monkeypatch):
    """Let the world's status raise an error; return the control that asks for it."""

    def prepare(error):
        def status():
            raise error

        monkeypatch.setattr(fed.world, "status", status)
        return fed.controls()[1]

    return prepare


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_of_ours_arrives_as_it_was(raising, kind):
    with pytest.raises(kind) as caught:
        raising(made(kind)).status()
    assert type(caught.value) is kind
    assert str(caught.value) == str(made(kind))
    assert vars(caught.value) == vars(made(kind))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.AttemptError("late"), grpc.StatusCode.ABORTED),
        (errors.RefusedError("no"), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.DivergenceError("it", "step 1"), grpc.StatusCode.FAILED_PRECONDITION),
        (ZeroDivisionError("by zero"), grpc.StatusCode.INTERNAL),
    ],
)
def test_every_kind_of_error_has_its_code(fed, raising, error, code):
    raising(error)
    with pytest.raises(grpc.RpcError) as caught:
        ControlStub(fed.channel("anybody", "world")).Status(StatusQuestion(), timeout=5)
    assert caught.value.code() is code
    assert type(reported_error(caught.value)) is (
        errors.FederationError if code is grpc.StatusCode.INTERNAL else type(error)
    )


def test_an_error_nobody_expected_arrives_with_its_text(raising):
    with pytest.raises(errors.FederationError, match=r"^ZeroDivisionError: by zero$"):
        raising(ZeroDivisionError("by zero")).status()


def test_a_long_text_is_cut_to_what_grpc_carries(raising):
    with pytest.raises(errors.WorldError, match=r"^x{500,6000}$"):
        raising(errors.WorldError("x" * 100_000)).status()
    with pytest.raises(errors.WorldError, match=r"^★{500,2000}$"):
        raising(errors.WorldError("\N{BLACK STAR}" * 100_000)).status()


def test_a_call_without_an_answer_is_given_up_after_the_patience():
    with federation() as own:
        slow = ControlStub(own.channel("anybody", "world"))
        own.world.status = lambda: time.sleep(0.6)
        with pytest.raises(errors.AttemptError, match=r"the world could not be reached .*DEADLINE_EXCEEDED"):
            Line("the world", patience=0.1, deadline=0.2).call(slow.Status, StatusQuestion())


def test_building_a_world_that_cannot_be_is_told_to_the_server():
    def make(_config, _sink):
        raise errors.ConfigurationError("map=4m: there is no such map")

    server, port = start(WorldService(make, LocalSink(), peer))
    own = channel(port)
    for _ in range(2):
        with pytest.raises(errors.ConfigurationError, match="no such map"):
            RemoteControl(own, "the world").open(ATTEMPT, "train", "map: 4m")
    assert RemoteControl(own, "the world").status().attempt is None
    own.close()
    server.stop(0)
