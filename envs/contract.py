"""The contract of a world, as tests for pytest: derive from WorldContract, and name the world or override `make`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from fedqmix.envs.code_suite import measured
from fedqmix.envs.drawn_contract import DrawnContract, at_most
from fedqmix.envs.factory import make_world
from fedqmix.envs.options import world_options
from fedqmix.envs.random_play import KeepingSink, RandomPlayer, copied, over, play, training
from fedqmix.runtime.core.errors import UnavailableActionError, WorldError
from fedqmix.runtime.core.world import (
    Bools,
    EpisodeBatch,
    Purpose,
    TeamSink,
    TeamSpec,
    TeamTimeStep,
    TimeStep,
    World,
)

COUNT = 5
PLAYER = 9  # the seed of the random players


class Played(NamedTuple):
    """A batch of episodes, as the agents and the team saw it."""

    spec: TeamSpec
    time_steps: list[TimeStep]
    team: list[TeamTimeStep]


class WorldContract(DrawnContract):
    """The properties of a world.

    suite, task: choices of env and map. options: of env, such as code="my_world.py:Mine". repeatable: whether seed,
    purpose and number determine an episode. varied: whether seeds and purposes change anything. truncates_early:
    whether episodes may be truncated before the limit. survives_refusals: whether an episode goes on after a refused
    action. thread_counts: those that `make` is tried with.
    """

    suite: ClassVar[str] = "own"
    task: ClassVar[str] = "contract"
    options: ClassVar[Mapping[str, Any]] = {}
    repeatable: ClassVar[bool] = True
    varied: ClassVar[bool] = True
    truncates_early: ClassVar[bool] = False
    survives_refusals: ClassVar[bool] = True
    thread_counts: ClassVar[tuple[int, ...]] = (2, 3)
    _usual: ClassVar[dict[type, Played]] = {}

    @pytest.fixture(autouse=True)
    def _closing(self) -> Iterator[None]:
        """Close every world of a test at its end."""
        self._open: list[World] = []
        yield
        for world in self._open:
            world.close()

    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        """Build the world."""
        return make_world(self.task, seed, measured(world_options(self.suite, **self.options)), sink, threads)

    def made(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        """Build a world that is closed at the test's end."""
        self._open.append(self.make(sink, seed, threads))
        return self._open[-1]

    def played(
        self, first: int = 0, count: int | None = None, purpose: Purpose = Purpose.TRAINING, **of: int
    ) -> Played:
        """Play a batch with random actions. count: by default COUNT, or what the world can. of: seed and threads."""
        sink = KeepingSink()
        world = self.made(sink, **of)
        count = at_most(COUNT, world.spec) if count is None else count
        time_steps = play(world, EpisodeBatch(purpose, first, count), RandomPlayer(PLAYER, first, count))
        world.close()
        return Played(world.spec, time_steps, sink.time_steps)

    def usual(self) -> Played:
        """Return the batch that several tests look at, played once for each class."""
        if type(self) not in self._usual:
            self._usual[type(self)] = self.played()
        return self._usual[type(self)]

    def test_arrays_have_the_shapes_and_types_of_the_spec(self) -> None:
        """Numbers are float32 and finite, flags are bool, and both sides see the same flags."""
        spec, time_steps, team_steps = self.usual()
        count = time_steps[0].terminated.size
        agents = (spec.n_agents, count)
        for time_step, team in zip(time_steps, team_steps, strict=True):
            assert time_step.observations.shape == (*agents, spec.obs_dim)
            assert time_step.available_actions.shape == (*agents, spec.n_actions)
            assert time_step.individual_rewards.shape == agents
            assert team.state.shape == (count, spec.state_dim)
            assert team.team_reward.shape == (count,)
            floats = (time_step.observations, time_step.individual_rewards, team.state, team.team_reward)
            assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in floats)
            flags = (*flags_of(time_step), *flags_of(team))
            assert all(array.dtype == np.bool_ and array.shape == (count,) for array in flags)
            assert time_step.available_actions.dtype == np.bool_
            for one, other in zip(flags_of(time_step), flags_of(team), strict=True):
                np.testing.assert_array_equal(one, other)

    def test_agents_that_do_not_exist_see_and_do_nothing(self) -> None:
        """`exists` is constant over an episode; an absent agent observes zeros, has only the no-op and earns 0."""
        spec, time_steps, team_steps = self.usual()
        exists = time_steps[0].exists
        assert exists.any(0).all()
        for time_step, team in zip(time_steps, team_steps, strict=True):
            for own in (time_step.exists, team.exists):
                assert own.dtype == np.bool_
                np.testing.assert_array_equal(own, exists)
            assert not time_step.observations[~exists].any()
            assert not time_step.individual_rewards[~exists].any()
            assert (time_step.available_actions[~exists] == (np.arange(spec.n_actions) == 0)).all()

    def test_the_first_time_step_pays_nothing_and_ends_nothing(self) -> None:
        """Rewards are 0 and no episode is over at the beginning."""
        _, time_steps, team_steps = self.usual()
        assert not time_steps[0].individual_rewards.any()
        assert not team_steps[0].team_reward.any()
        assert not over(time_steps[0]).any()
        assert not time_steps[0].won.any()

    def test_every_agent_always_has_an_action(self) -> None:
        """Every mask has at least one True."""
        assert all(time_step.available_actions.any(-1).all() for time_step in self.usual().time_steps)

    def test_episodes_end_once_in_one_way(self) -> None:
        """An episode terminates or is truncated, at the limit at the latest, and its flags stay."""
        spec, time_steps, _ = self.usual()
        assert len(time_steps) - 1 <= spec.episode_limit
        for before, after in pairwise(time_steps):
            assert not (after.terminated & after.truncated).any()
            assert not (after.won & ~after.terminated).any()
            for flag_before, flag_after in zip(flags_of(before), flags_of(after), strict=True):
                ended = over(before)
                np.testing.assert_array_equal(flag_before[ended], flag_after[ended])
        lengths = np.sum([~over(time_step) for time_step in time_steps], axis=0)
        assert self.truncates_early or (lengths[time_steps[-1].truncated] == spec.episode_limit).all()

    def test_an_ended_episode_stays_as_it_ended(self) -> None:
        """Its rewards are 0, its agents have only the no-op, its observations stay."""
        _, time_steps, team_steps = self.usual()
        for time_step in time_steps:
            assert not time_step.available_actions[:, time_step.terminated, 1:].any()
        for before, after, team in zip(time_steps, time_steps[1:], team_steps[1:], strict=False):
            ended = over(before)
            assert not after.individual_rewards[:, ended].any()
            assert not team.team_reward[ended].any()
            assert after.available_actions[:, ended, 0].all()
            assert not after.available_actions[:, ended, 1:].any()
            np.testing.assert_array_equal(before.observations[:, ended], after.observations[:, ended])

    def test_the_same_seed_gives_the_same_episodes(self) -> None:
        """Two worlds of one seed play the same."""
        self._require_repeatable()
        assert_equal(self.usual(), self.played())

    def test_other_seeds_and_purposes_give_other_episodes(self) -> None:
        """The seed and an episode's purpose are both part of its random draws."""
        self._require_repeatable()
        if not self.varied:
            pytest.skip("this world draws nothing at random")
        ours = self.usual()
        for other in (self.played(seed=1), self.played(purpose=Purpose.VARIED_EVALUATION)):
            pairs = zip(ours.time_steps, other.time_steps, strict=False)
            assert any(not np.array_equal(one.observations, two.observations) for one, two in pairs)

    def test_threads_change_nothing(self) -> None:
        """Any number of threads gives the same episodes."""
        self._require_repeatable()
        if not self.thread_counts:
            pytest.skip("this world uses no threads")
        count = at_most(40, self.usual().spec)
        alone = self.played(count=count)
        for threads in self.thread_counts:
            assert_equal(alone, self.played(count=count, threads=threads))

    def test_an_episode_is_the_same_at_any_batch_size(self) -> None:
        """An episode depends on its number, not on its place in a batch."""
        self._require_repeatable()
        _, time_steps, team_steps = self.played(first=3)
        for b in range(time_steps[0].terminated.size):
            _, alone, team_alone = self.played(first=3 + b, count=1)
            for together, single in zip(time_steps, alone, strict=False):
                for name in ("observations", "individual_rewards", "available_actions", "exists"):
                    np.testing.assert_array_equal(getattr(together, name)[:, b], getattr(single, name)[:, 0])
                assert [flag[b] for flag in flags_of(together)] == [flag[0] for flag in flags_of(single)]
            for team, team_single in zip(team_steps, team_alone, strict=False):
                np.testing.assert_array_equal(team.state[b], team_single.state[0])
                assert team.team_reward[b] == team_single.team_reward[0]

    def test_a_world_forgets_its_last_batch(self) -> None:
        """A batch does not depend on the one before, also when that one was not played to its end."""
        self._require_repeatable()
        sink = KeepingSink()
        world = self.made(sink)
        count = at_most(COUNT, world.spec)
        play(world, training(50, 1), RandomPlayer(PLAYER, 50, 1))
        world.step(world.begin(training(60, count)).available_actions.argmax(-1))
        again = play(world, training(0, count), RandomPlayer(PLAYER, 0, count))
        assert_equal(Played(world.spec, again, sink.time_steps), self.usual())

    @pytest.mark.parametrize("action", [-1, 10_000, None])
    def test_a_refused_action_changes_nothing(self, action: int | None) -> None:
        """An action that does not exist or is masked raises an error; the episode goes on as if it was not tried."""
        self._require_repeatable()
        if not self.survives_refusals:
            pytest.skip("a refused action ends the episodes of this world")
        sinks = KeepingSink(), KeepingSink()
        ours, other = (self.made(sink) for sink in sinks)
        count = at_most(2, ours.spec)
        first, expected = ours.begin(training(0, count)), other.begin(training(0, count))
        agent, episode = ours.spec.n_agents - 1, count - 1
        actions = first.available_actions.argmax(-1)
        wrong = actions.copy()
        forbidden = np.flatnonzero(~first.available_actions[agent, episode])
        if action is None and not len(forbidden):
            pytest.skip("this world masks no action at the beginning")
        wrong[agent, episode] = tried = int(forbidden[0]) if action is None else action
        with pytest.raises(UnavailableActionError, match=rf"[Aa]gent {agent} .*{tried}.*(battle|episode) {episode}"):
            ours.step(wrong)
        for left, right in zip(first, expected, strict=True):
            np.testing.assert_array_equal(left, right)
        after, undisturbed = copied(ours.step(actions)), copied(other.step(actions))
        assert_equal(
            Played(ours.spec, [after], sinks[0].time_steps), Played(other.spec, [undisturbed], sinks[1].time_steps)
        )

    def test_misuse_is_refused(self) -> None:
        """A step without a batch, batches that are empty or too large, other shapes, and a closed world are errors."""
        world = self.made(KeepingSink())
        agents, most, count = world.spec.n_agents, world.spec.side_by_side, at_most(2, world.spec)
        with pytest.raises(WorldError):
            world.step(np.zeros((agents, 1), np.int64))
        for wrong in (0, *([] if most is None else [most + 1])):
            with pytest.raises(WorldError):
                world.begin(training(0, wrong))
        world.begin(training(0, count))
        with pytest.raises(WorldError):
            world.step(np.ones((agents, count + 1), np.int64))
        world.close()
        with pytest.raises(WorldError):
            world.begin(training(0, 1))

    def _require_repeatable(self) -> None:
        if not self.repeatable:
            pytest.skip("the number of this world's episodes does not determine them")


def flags_of(time_step: TimeStep | TeamTimeStep) -> tuple[Bools, ...]:
    """Return how the episodes stand: each [episodes]."""
    return time_step.terminated, time_step.truncated, time_step.won, time_step.broken


def assert_equal(one: Played, other: Played) -> None:
    """Check that two batches are the same, number for number."""
    for these, those in ((one.time_steps, other.time_steps), (one.team, other.team)):
        assert len(these) == len(those)
        for left, right in zip(these, those, strict=True):
            for a, b in zip(left, right, strict=True):
                np.testing.assert_array_equal(a, b)
