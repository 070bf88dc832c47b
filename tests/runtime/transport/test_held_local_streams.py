"""The gate's rules hold for streams over local sockets: one open stream for each method, a first message in time."""

import pytest

from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from fedqmix.runtime.transport.faults import reported_error
from fedqmix.runtime.transport.frames import FrameSocket, Kind
from fedqmix.runtime.transport.local_channel import LocalPlace
from fedqmix.runtime.transport.local_error import LocalError
from fedqmix.runtime.transport.local_socket import SUPPORTED
from fedqmix.runtime.transport.security import MESSAGE_LIMIT
from support.certified import authority, certified
from support.federation import SPEC, Federation, federation, together

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="local sockets are for Linux")
STEP = "/fedqmix.World/Step"
EPISODES = EpisodeBatch(Purpose.TRAINING, 0, 3)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    home = authority(folder)
    return {
        party: certified(home, folder, party)
        for party in ("superlink", "world", "mixer", "agent-0", "agent-1", "agent-2")
    }


STEPS = 7  # all of an episode


def opened(fed: Federation, party: str, method: str) -> FrameSocket:
    """Open a stream to the world by hand."""
    place = LocalPlace(fed.sockets / "world.sock", "world", fed.certificates[party], MESSAGE_LIMIT)
    frames = place.connect()
    frames.send(Kind.METHOD, method.encode())
    return frames


def ended(frames: FrameSocket) -> bool:
    with frames.connection:
        frame = frames.receive()
        return frame is None or frame[0] in (Kind.END, Kind.ERROR)


def played(fed: Federation, steps: int, between=lambda: None) -> list:
    """Let all agents take some steps together, with a call before the second; return what each got last."""
    remotes = [fed.remote(agent)[0] for agent in range(SPEC.n_agents)]
    time_steps = together(lambda agent: remotes[agent].begin(EPISODES))
    for step in range(steps):
        if step == 1:
            between()
        actions = [time_step.available_actions.argmax(-1) for time_step in time_steps]
        time_steps = together(lambda agent, actions=actions: remotes[agent].step(actions[agent]))
    return time_steps


def test_a_stream_without_a_first_message_is_ended(certificates, tmp_path):
    with federation(certificates=certificates, sockets=tmp_path, first_message_s=0.5) as fed:
        assert ended(opened(fed, "agent-1", STEP))
        fed.open()
        assert not any(isinstance(one, Exception) for one in played(fed, 2))


def test_a_second_stream_of_an_agent_takes_the_place_of_the_first_without_loss(certificates, tmp_path):
    with federation(certificates=certificates, sockets=tmp_path) as fed:
        fed.open()
        others = []
        # The server admits the other stream in a moment; only steps after that make the agent open another.
        second = played(fed, STEPS, lambda: others.append(opened(fed, "agent-0", STEP)))
        assert not any(isinstance(one, Exception) for one in second)
        assert ended(others[0])  # the agent opened another, which replaced this one
    with federation(certificates=certificates) as fed:
        fed.open()
        for one, same in zip(second, played(fed, STEPS), strict=True):
            assert (one.observations == same.observations).all()


@pytest.mark.parametrize("party", ["superlink", "mixer"])
def test_other_parties_are_refused_before_they_send_a_request(certificates, tmp_path, party):
    with (
        federation(certificates=certificates, sockets=tmp_path) as fed,
        opened(fed, party, STEP).connection as connection,
    ):
        kind, body = FrameSocket(connection, MESSAGE_LIMIT).receive()
        assert kind is Kind.ERROR
        assert f"the certificate shown is {party}'s" in str(reported_error(LocalError.read(body)))
