"""Two runs never push each other off: the one that opens first has world and mixer, the other waits or is refused."""

import contextlib
import functools
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import AttemptError, BusyError
from fedqmix.runtime.deployment import services
from fedqmix.runtime.deployment.services import Services
from fedqmix.runtime.transport import control_service
from fedqmix.runtime.transport.lease import Lease
from support.federation import SPEC, Federation, ToySide, federation, same_parameters, together
from support.toy_team import algorithm, make_team

PLAN = RoundPlan(4, 10**9, False)


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Federation]:
    """A federation in which nobody waits for another run."""
    monkeypatch.setattr(services, "TURN_S", 0.0)
    with federation() as own:
        yield own


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs give signs ten times a second, and are over for others after one without any."""
    monkeypatch.setattr(control_service, "Lease", functools.partial(Lease, 1.0))
    monkeypatch.setattr(services, "SIGN_S", 0.1)


def led_by(fed: Federation, run: str, patience: float = 5.0) -> Services:
    return Services(fed.channel("superlink", "world"), fed.channel("superlink", "mixer"), run, patience)


def killed(server: Services) -> None:
    """Its process is gone: no more signs."""
    server._ended.set()
    server._signs.join()


def open_attempts(fed: Federation) -> list[Attempt | None]:
    return [control.status().attempt for control in fed.controls()]


def test_a_lease_is_one_runs_until_it_says_so_or_falls_silent() -> None:
    now = [0.0]
    lease = Lease(30.0, lambda: now[0])
    lease.take("a")
    now[0] = 29.0
    lease.renew("b")
    lease.release("b")
    with pytest.raises(BusyError, match=r"at work on run a, .* Wait until that has ended, or stop it"):
        lease.take("b")
    lease.renew("a")
    now[0] = 58.0
    with pytest.raises(BusyError, match="run a"):
        lease.take("b")
    lease.take("a")
    now[0] = 88.0
    lease.take("b")
    with pytest.raises(BusyError, match="run b"):
        lease.take("a")
    lease.release("b")
    lease.take("a")


def test_two_runs_that_open_at_the_same_moment_are_not_both_let_in(fed: Federation) -> None:
    for repetition in range(1, 21):
        runs = [f"run {repetition} of {name}" for name in ("one", "two")]
        servers, start = [led_by(fed, run) for run in runs], threading.Barrier(2)

        def lead(number: int, servers=servers, start=start, runs=runs, repetition=repetition) -> None:
            start.wait()
            servers[number].hold()
            servers[number].open(Attempt(runs[number], 1, repetition), "train", "settings")

        results = together(lead, 2)
        assert sorted(map(type, results), key=str) in ([type(None), BusyError], [BusyError, type(None)]), results
        first = results.index(None)
        assert f"at work on run {runs[first]}," in str(results[1 - first])
        assert open_attempts(fed) == [Attempt(runs[first], 1, repetition)] * 2
        servers[first].close()
        assert open_attempts(fed) == [Attempt(runs[first], 1, repetition)] * 2
        servers[1 - first].open(Attempt(runs[1 - first], 1, repetition), "train", "settings")
        servers[1 - first].close()


def test_two_runs_at_the_same_time_follow_one_another_and_lose_nothing() -> None:
    team = make_team(algorithm(), SPEC)
    train_round(team.agents, team.world, team.learner, PLAN)
    with federation() as fed:
        learned, start = {}, threading.Barrier(2)

        def lead(number: int) -> None:
            run = f"run {number}"
            server, attempt = led_by(fed, run), Attempt(run, 1, 1)
            start.wait()
            server.open(attempt, "train", run)
            stacks = fed.stacks()

            def one(agent: int) -> None:
                world, mixer = fed.remote(agent, attempt)
                with contextlib.closing(world), contextlib.closing(mixer):
                    train_round(stacks[agent], world, mixer, PLAN)
                    mixer.finish()

            assert together(one) == [None] * SPEC.n_agents
            learned[run] = stacks, fed.sides[-1].learner
            server.close()

        assert together(lead, 2) == [None, None]
        for stacks, learner in learned.values():
            same_parameters(stacks, learner, team)


@pytest.mark.usefixtures("hasty")
def test_a_run_that_only_gives_signs_keeps_its_lease(fed: Federation) -> None:
    first, second = led_by(fed, "a"), led_by(fed, "b")
    first.hold()
    waited = threading.Event()
    for _ in range(6):
        waited.wait(0.5)
        with pytest.raises(BusyError, match="run a"):
            second.open(Attempt("b", 1, 1), "train", "settings")
    first.close()
    second.hold()
    second.close()


@pytest.mark.usefixtures("hasty")
def test_the_server_of_a_run_is_killed(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its successor goes on at once; another run has to wait until nobody can be in its way."""
    first, other = led_by(fed, "a"), led_by(fed, "b")
    first.hold()
    first.open(Attempt("a", 1, 1), "train", "settings")
    killed(first)
    successor = led_by(fed, "a")
    successor.hold()
    successor.open(Attempt("a", 1, 2), "train", "settings")
    with pytest.raises(BusyError, match="run a"):
        other.hold()
    killed(successor)
    monkeypatch.setattr(services, "TURN_S", 30.0)
    other.hold()
    other.open(Attempt("b", 1, 1), "train", "settings")
    assert open_attempts(fed) == [Attempt("b", 1, 1)] * 2
    other.close()


@pytest.mark.parametrize("restarted", ["mixer", "world"])
def test_a_restarted_service_is_not_shared_out_between_two_runs(fed: Federation, restarted: str) -> None:
    first, second = led_by(fed, "a"), led_by(fed, "b")
    first.open(Attempt("a", 1, 1), "train", "settings")
    {"mixer": fed.mixer_server, "world": fed.world_server}[restarted].stop(0)
    {"mixer": fed.start_mixer, "world": fed.start_world}[restarted]()
    with pytest.raises(BusyError, match="run a"):
        second.open(Attempt("b", 1, 1), "train", "settings")
    assert Attempt("b", 1, 1) not in open_attempts(fed)
    first.open(Attempt("a", 1, 2), "train", "settings")
    assert open_attempts(fed) == [Attempt("a", 1, 2)] * 2
    first.close()
    second.open(Attempt("b", 1, 1), "train", "settings")


def test_an_opening_that_waited_for_another_runs_is_refused(fed: Federation) -> None:
    """It comes from a server that was killed: the run that holds the services now is not pushed off by it."""
    mixer, world = fed.controls()
    for control in (mixer, world):
        control.hold("b")
        with pytest.raises(BusyError, match="run b"):
            control.open(Attempt("a", 1, 1), "train", "settings")
    assert open_attempts(fed) == [None, None]


def test_services_that_cannot_be_reached_cannot_be_held(fed: Federation) -> None:
    server = led_by(fed, "a", patience=0.1)
    fed.world_server.stop(0)
    fed.mixer_server.stop(0)
    with pytest.raises(AttemptError, match="could not be reached"):
        server.hold()
    server.close()


def test_a_run_does_not_begin_with_what_another_one_was_sent(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run's opening is sent twice, as after a lost answer; the second run sends no parameters."""
    begun: list[list[str]] = []
    monkeypatch.setattr(ToySide, "begin_with", lambda _, initial: begun.append(sorted(initial)), raising=False)
    mixer, _ = fed.controls()
    for _ in range(2):
        mixer.open(Attempt("a", 1, 1), "train", "settings", {"w1.weight": np.ones((2, 3), np.float32)})
    assert begun == [["w1.weight"]]
    mixer.release("a")
    mixer.open(Attempt("b", 1, 1), "train", "settings")
    assert begun == [["w1.weight"]]
