"""The world of env=bps keeps the World contract, and its episodes are drawn as they should be."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.stats import kstest

from fedqmix.envs import make_world
from fedqmix.envs.bps.layout import observation_order
from fedqmix.envs.bps.tasks import TASKS
from fedqmix.runtime.core.errors import UnavailableActionError, WorldError
from fedqmix.runtime.core.seeds import key
from fedqmix.runtime.core.world import EpisodeBatch, LocalWorld, Purpose, Score, TeamSink
from fedqmix.testing import WorldContract
from support.particles import bps_options
from support.worlds import KeepingSink, RandomPlayer, copied, play, training


def world_of(task: str = "bps-1", seed: int = 0, sink: TeamSink | None = None, **changes: object) -> LocalWorld:
    return make_world(task, seed, bps_options(**changes), sink or KeepingSink())


class TestBps1(WorldContract):
    suite, task = "bps", "bps-1"
    options: ClassVar[dict[str, Any]] = {"episode_limit": 8}


class TestUnequalGroupsThatCooperate(WorldContract):
    suite, task = "bps", "bps-4"
    options: ClassVar[dict[str, Any]] = {"cooperative": True, "obs_instead_of_state": True, "episode_limit": 5}


class TestShuffledObservations(WorldContract):
    suite, task = "bps", "bps-6"
    options: ClassVar[dict[str, Any]] = {"episode_limit": 5}


def starts(purpose: Purpose = Purpose.TRAINING, first: int = 0, count: int = 3, seed: int = 0) -> np.ndarray:
    return world_of(seed=seed).begin(EpisodeBatch(purpose, first, count)).observations.copy()


def test_every_purpose_and_seed_draws_its_own_starts() -> None:
    found = [starts(purpose) for purpose in Purpose] + [starts(seed=1)]
    assert len({each.tobytes() for each in found}) == len(Purpose) + 1


def test_starts_are_uniform_and_independent() -> None:
    """Agents in [-1, 1]^2, landmarks in [-3, 3]^2, at rest; no two are drawn alike."""
    sink = KeepingSink()
    world_of(sink=sink).begin(training(0, 2000))
    state = sink.time_steps[0].state.astype(np.float64)
    agents, landmarks = state[:, :60].reshape(2000, 15, 4), state[:, 60:].reshape(2000, 3, 2)
    assert not agents[..., :2].any()
    for places, reach in ((agents[..., 2:], 1), (landmarks, 3)):
        assert abs(places).max() <= reach
        assert kstest(places.ravel(), "uniform", (-reach, 2 * reach)).pvalue > 0.01
    numbers = np.concatenate([agents[..., 2:].reshape(2000, -1), landmarks.reshape(2000, -1) / 3], axis=1)
    correlations = np.corrcoef(numbers.T) - np.eye(numbers.shape[1])
    assert abs(correlations).max() < 5 / 2000**0.5


def test_an_episode_is_its_key_alone() -> None:
    """The keyed draws of the first agent and the last landmark, by splitmix64 in plain integers."""
    mask, step = 2**64 - 1, 0x9E3779B97F4A7C15

    def mix(bits: int) -> int:
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 & mask
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB & mask
        return bits ^ (bits >> 31)

    def draws(stream: int, reach: float) -> list[float]:
        state = mix(key(5, "training", 12) + (stream + 1) * step & mask)
        return [(2 * (mix(state + n * step & mask) >> 11) / 2**53 - 1) * reach for n in (1, 2)]

    sink = KeepingSink()
    world_of(seed=5, sink=sink).begin(training(10, 4))
    state = sink.time_steps[0].state[2]
    np.testing.assert_array_equal(state[2:4], np.array(draws(0, 1), np.float32))
    np.testing.assert_array_equal(state[-2:], np.array(draws(17, 3), np.float32))


def test_episodes_end_at_the_limit_and_in_no_other_way() -> None:
    time_steps = play(world_of(), training(0, 2), RandomPlayer(1, 0, 2))
    assert len(time_steps) == 51
    assert [bool(each.truncated.any()) for each in time_steps] == 50 * [False] + [True]
    assert time_steps[-1].truncated.all()
    assert not any(each.terminated.any() or each.won.any() or each.broken.any() for each in time_steps)
    assert all(each.exists.all() and each.available_actions.all() for each in time_steps)


def test_after_the_limit_nothing_happens() -> None:
    sink = KeepingSink()
    world = world_of(sink=sink, episode_limit=2)
    world.begin(training(0, 2))
    moving = np.full((15, 2), 4)
    world.step(moving)
    last = copied(world.step(moving))
    later = world.step(moving)  # an action that the last mask allowed is accepted, and does nothing
    np.testing.assert_array_equal(last.observations, later.observations)
    np.testing.assert_array_equal(sink.time_steps[-2].state, sink.time_steps[-1].state)
    assert not later.individual_rewards.any()
    assert not sink.time_steps[-1].team_reward.any()
    assert later.truncated.all()
    assert later.available_actions[..., 0].all()
    assert not later.available_actions[..., 1:].any()
    with pytest.raises(
        UnavailableActionError, match=r"Agent 0 cannot take action 4 \(up\) in episode 0.*0 \(nothing\)"
    ):
        world.step(moving)
    assert world.begin(training(2, 2)).available_actions.all()


@pytest.mark.parametrize("action", [-1, 5, 10_000])
def test_a_refused_action_moves_nothing(action: int) -> None:
    sink = KeepingSink()
    world = world_of(sink=sink)
    before = copied(world.begin(training(0, 2)))
    actions = np.full((15, 2), 2)
    actions[3, 1] = action
    with pytest.raises(UnavailableActionError, match=rf"Agent 3 cannot take action {action} .*0 to 4.* in episode 1"):
        world.step(actions)
    assert len(sink.time_steps) == 1
    for array, kept in zip(world.begin(training(0, 2)), before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_errors_speak_of_episodes() -> None:
    world = world_of()
    with pytest.raises(WorldError, match="No episode was begun"):
        world.step(np.zeros((15, 1), np.int64))
    with pytest.raises(WorldError, match="at least one episode"):
        world.begin(training(0, 0))
    world.begin(training(0, 2))
    with pytest.raises(WorldError, match=r"\[agents, episodes\] = \[15, 2\]"):
        world.step(np.zeros((15, 3), np.int64))


@pytest.mark.parametrize("task", TASKS)
def test_every_number_has_a_name(task: str) -> None:
    for changes in ({}, {"obs_instead_of_state": True}):
        spec = world_of(task, **changes).spec
        names = {space: getattr(spec, space).names for space in ("observation", "state")}
        assert len(set(names["observation"])) == spec.obs_dim == 4 + 2 * len(TASKS[task].sizes)
        assert len(set(names["state"])) == spec.state_dim
        assert spec.score is Score.RETURN
        assert spec.n_agents == sum(TASKS[task].sizes)
    assert world_of(task).spec.state_dim == 4 * spec.n_agents + 2 * len(TASKS[task].sizes)


def test_names_and_numbers_belong_together() -> None:
    sink = KeepingSink()
    world = world_of("bps-3", sink=sink)
    observations = world.begin(training(0, 1)).observations[:, 0]
    observed = dict(zip(world.spec.observation.names, observations.T, strict=True))
    state = dict(zip(world.spec.state.names, sink.time_steps[0].state[0], strict=True))
    for agent in range(30):
        for axis in "xy":
            position = state[f"agent_{agent}_position_{axis}"]
            assert observed[f"position_{axis}"][agent] == position
            for group in range(5):
                way = state[f"landmark_{group}_{axis}"] - position
                assert observed[f"to_landmark_{group}_{axis}"][agent] == pytest.approx(way, abs=1e-6)


def test_the_shuffled_tasks_begin_as_the_plain_ones_do() -> None:
    plain, shuffled = ([], [])
    for task, sink in (("bps-1", KeepingSink()), ("bps-5", KeepingSink())):
        time_step = world_of(task, sink=sink).begin(training(0, 2))
        (plain if task == "bps-1" else shuffled).extend([time_step.observations, sink.time_steps[0].state])
    np.testing.assert_array_equal(plain[1], shuffled[1])
    orders = observation_order(TASKS["bps-5"])[TASKS["bps-5"].groups]
    expected = np.take_along_axis(plain[0], orders[:, None], axis=2)
    np.testing.assert_array_equal(expected, shuffled[0])


def test_pythons_shuffle_has_not_changed() -> None:
    """The published tasks have these orders; another version of Python must not move them."""
    assert observation_order(TASKS["bps-5"]).tolist() == [
        [7, 8, 1, 5, 3, 4, 2, 0, 9, 6],
        [6, 8, 9, 7, 5, 3, 0, 4, 1, 2],
        [5, 9, 3, 4, 6, 7, 2, 8, 1, 0],
    ]
    assert observation_order(TASKS["bps-6"])[4].tolist() == [9, 12, 5, 8, 13, 10, 0, 11, 2, 7, 6, 1, 4, 3]
    assert observation_order(TASKS["bps-1"]).tolist() == [list(range(10))] * 3
