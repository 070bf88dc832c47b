"""What every World owes, whatever its rules: subclass WorldContract in a test file and give it `make`."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fedqmix.runtime.core.errors import UnavailableActionError, WorldError
from fedqmix.runtime.core.world import Bools, EpisodeBatch, Purpose, TeamSink, TeamTimeStep, TimeStep, World
from support.worlds import KeepingSink, RandomPlayer, over, play, training

COUNT = 5


def flags_of(time_step: TimeStep | TeamTimeStep) -> tuple[Bools, ...]:
    """Return how the episodes stand: each [episodes]."""
    return time_step.terminated, time_step.truncated, time_step.won, time_step.broken


class WorldContract:
    """Tests of the World contract; a subclass overrides `make`."""

    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        raise NotImplementedError

    def played(self, seed: int = 0, threads: int = 1, first: int = 0, count: int = COUNT):
        """Play a batch with random actions; return (spec, turns, team turns)."""
        sink = KeepingSink()
        world = self.make(sink, seed, threads)
        time_steps = play(world, training(first, count), RandomPlayer(9, first, count))
        world.close()
        return world.spec, time_steps, sink.time_steps

    def test_shapes_and_types(self) -> None:
        spec, time_steps, team_turns = self.played()
        for time_step, team in zip(time_steps, team_turns, strict=True):
            assert time_step.observations.shape == (spec.n_agents, COUNT, spec.obs_dim)
            assert time_step.available_actions.shape == (spec.n_agents, COUNT, spec.n_actions)
            assert time_step.individual_rewards.shape == (spec.n_agents, COUNT)
            assert team.state.shape == (COUNT, spec.state_dim)
            assert team.team_reward.shape == (COUNT,)
            floats = (time_step.observations, time_step.individual_rewards, team.state, team.team_reward)
            assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in floats)
            flags = (*flags_of(time_step), *flags_of(team))
            assert all(array.dtype == np.bool_ and array.shape == (COUNT,) for array in flags)
            assert time_step.available_actions.dtype == np.bool_
            for one, other in zip(flags_of(time_step), flags_of(team), strict=True):
                np.testing.assert_array_equal(one, other)

    def test_agents_that_do_not_exist_see_and_do_nothing(self) -> None:
        spec, time_steps, team_turns = self.played()
        exists = time_steps[0].exists
        assert exists.any(0).all()
        absent = ~exists
        for time_step, team in zip(time_steps, team_turns, strict=True):
            for own in (time_step.exists, team.exists):
                assert own.dtype == np.bool_
                np.testing.assert_array_equal(own, exists)
            assert not time_step.observations[absent].any()
            assert not time_step.individual_rewards[absent].any()
            assert (time_step.available_actions[absent] == (np.arange(spec.n_actions) == 0)).all()

    def test_the_first_turn_pays_nothing_and_ends_nothing(self) -> None:
        _, time_steps, team_turns = self.played()
        assert not time_steps[0].individual_rewards.any()
        assert not team_turns[0].team_reward.any()
        assert not over(time_steps[0]).any()
        assert not time_steps[0].won.any()

    def test_somebody_can_always_do_something(self) -> None:
        _, time_steps, _ = self.played()
        assert all(time_step.available_actions.any(-1).all() for time_step in time_steps)

    def test_episodes_end_once_in_one_way(self) -> None:
        spec, time_steps, _ = self.played()
        assert len(time_steps) - 1 <= spec.episode_limit
        for before, after in pairwise(time_steps):
            assert not (after.terminated & after.truncated).any()
            assert not (after.won & ~after.terminated).any()
            for flag_before, flag_after in zip(flags_of(before), flags_of(after), strict=True):
                ended = over(before)
                np.testing.assert_array_equal(flag_before[ended], flag_after[ended])
        lengths = sum((~over(time_step)).astype(int) for time_step in time_steps)
        assert (lengths[time_steps[-1].truncated] == spec.episode_limit).all()

    def test_an_episode_that_is_over_costs_and_pays_nothing(self) -> None:
        _, time_steps, team_turns = self.played()
        for before, after, team in zip(time_steps, time_steps[1:], team_turns[1:], strict=False):
            ended = over(before)
            assert not after.individual_rewards[:, ended].any()
            assert not team.team_reward[ended].any()
            assert after.available_actions[:, ended, 0].all()
            assert not after.available_actions[:, ended, 1:].any()
            np.testing.assert_array_equal(before.observations[:, ended], after.observations[:, ended])

    def test_an_ended_episode_leaves_only_the_no_op(self) -> None:
        _, time_steps, _ = self.played()
        for time_step in time_steps:
            assert not time_step.available_actions[:, time_step.terminated, 1:].any()

    def test_same_seed_same_episodes(self) -> None:
        self._assert_equal(self.played(), self.played())

    def test_other_seeds_and_purposes_give_other_episodes(self) -> None:
        _, time_steps, _ = self.played(seed=0)
        _, others, _ = self.played(seed=1)
        assert any(not np.array_equal(a.observations, b.observations) for a, b in zip(time_steps, others, strict=False))

    @pytest.mark.parametrize("threads", [2, 3])
    def test_threads_change_nothing(self, threads: int) -> None:
        count = 40
        self._assert_equal(self.played(count=count), self.played(count=count, threads=threads))

    def test_the_batch_changes_nothing(self) -> None:
        _, time_steps, team_turns = self.played(first=3, count=COUNT)
        for b in range(COUNT):
            _, alone, team_alone = self.played(first=3 + b, count=1)
            for together, single in zip(time_steps, alone, strict=False):
                np.testing.assert_array_equal(together.observations[:, b], single.observations[:, 0])
                np.testing.assert_array_equal(together.individual_rewards[:, b], single.individual_rewards[:, 0])
                np.testing.assert_array_equal(together.available_actions[:, b], single.available_actions[:, 0])
                assert [flag[b] for flag in flags_of(together)] == [flag[0] for flag in flags_of(single)]
            for together, single in zip(team_turns, team_alone, strict=False):
                np.testing.assert_array_equal(together.state[b], single.state[0])
                assert together.team_reward[b] == single.team_reward[0]

    def test_a_world_forgets_its_last_batch(self) -> None:
        sink = KeepingSink()
        world = self.make(sink)
        play(world, training(50, 2), RandomPlayer(9, 50, 2))
        again = play(world, training(0, COUNT), RandomPlayer(9, 0, COUNT))
        _, fresh, _ = self.played()
        self._assert_equal((world.spec, again, []), (world.spec, fresh, []))

    def test_an_unavailable_action_moves_nothing(self) -> None:
        world = self.make(KeepingSink())
        time_step = world.begin(training(0, 2))
        actions = time_step.available_actions.argmax(-1)
        forbidden = int((~time_step.available_actions[1, 1]).argmax())
        before = world.snapshot(0), world.snapshot(1), time_step.observations.copy()
        actions[1, 1] = forbidden
        with pytest.raises(UnavailableActionError, match=rf"[Aa]gent 1 .*{forbidden}.*battle 1"):
            world.step(actions)
        assert (world.snapshot(0), world.snapshot(1)) == before[:2]
        np.testing.assert_array_equal(before[2], time_step.observations)

    @pytest.mark.parametrize("action", [-1, 10_000])
    def test_an_action_that_does_not_exist_is_unavailable(self, action: int) -> None:
        world = self.make(KeepingSink())
        time_step = world.begin(training(0, 1))
        actions = time_step.available_actions.argmax(-1)
        actions[0, 0] = action
        with pytest.raises(UnavailableActionError, match=str(action)):
            world.step(actions)

    def test_snapshots_list_allies_first_by_index(self) -> None:
        world = self.make(KeepingSink())
        time_step = world.begin(training(0, 2))
        world.step(time_step.available_actions.argmax(-1))
        units = world.snapshot(1)
        allies = [unit.index for unit in units if unit.side == "ally"]
        assert [unit.side for unit in units] == sorted(unit.side for unit in units)
        assert allies == list(range(world.spec.n_agents))
        enemies = [unit.index for unit in units if unit.side == "enemy"]
        assert enemies == list(range(len(enemies)))
        with pytest.raises(WorldError):
            world.snapshot(2)

    def test_misuse_is_refused(self) -> None:
        world = self.make(KeepingSink())
        with pytest.raises(WorldError):
            world.step(np.zeros((world.spec.n_agents, 1), np.int64))
        with pytest.raises(WorldError):
            world.begin(EpisodeBatch(Purpose.TRAINING, 0, 0))
        world.begin(training(0, 2))
        with pytest.raises(WorldError):
            world.step(np.ones((world.spec.n_agents, 3), np.int64))
        world.close()
        with pytest.raises(WorldError):
            world.begin(training(0, 1))

    @staticmethod
    def _assert_equal(one: tuple[object, list[TimeStep], list], other: tuple[object, list[TimeStep], list]) -> None:
        assert len(one[1]) == len(other[1])
        for a, b in zip([*one[1], *one[2]], [*other[1], *other[2]], strict=True):
            for left, right in zip(a, b, strict=True):
                np.testing.assert_array_equal(left, right)
