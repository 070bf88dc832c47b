"""A recorded battle is the battle that was played: the world, asked again, gives the same one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fedqmix.clients.playing import play
from fedqmix.clients.rounds import evaluate
from fedqmix.envs import make_world
from fedqmix.envs.replays import Replay, Result, read_replay
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.world import EpisodeBatch, Purpose, TeamTimeStep, TimeStep, World
from fedqmix.runtime.runs.local.replays import RunReplays
from fedqmix.runtime.runs.local.team import LocalTeam

CONFIG = compose(["experiment=smoke", "seed=3"])


class Sums:
    """A TeamSink that keeps the first battle's rewards."""

    def begin(self, battles: EpisodeBatch, time_step: TeamTimeStep) -> None:
        self.rewards: list[float] = []

    def record(self, time_step: TeamTimeStep) -> None:
        self.rewards.append(float(time_step.team_reward[0]))


def make(tmp_path: Path, env_steps: int = 0) -> tuple[LocalTeam, RunReplays]:
    """A team that has trained for so long, if not well, and its replays."""
    team = LocalTeam(CONFIG)
    team.agents.env_steps = env_steps
    checkpoints = tmp_path / "checkpoints"
    (checkpoints / "round-000004").mkdir(parents=True, exist_ok=True)
    assert team.drawn is not None
    return team, RunReplays(tmp_path / "replays", checkpoints, "run-7", CONFIG.seed, team, team.drawn)


def assert_played(replay: Replay, battles: EpisodeBatch) -> None:
    """Play the recorded actions again; compare every moment and every reward."""
    sink = Sums()
    world = make_world("3m", CONFIG.seed, CONFIG.env, sink)
    time_step: TimeStep = world.begin(battles)
    for step in range(replay.steps):
        assert not ended(time_step)
        np.testing.assert_array_equal(time_step.available_actions[:, 0], replay.available_actions[step])
        assert_moment(replay, step, world)
        actions = np.zeros((3, battles.count), np.int64) + time_step.available_actions.argmax(-1)
        actions[:, 0] = replay.actions[step]
        time_step = world.step(actions)
        np.testing.assert_array_equal(time_step.individual_rewards[:, 0], replay.individual_rewards[step])
    assert_moment(replay, replay.steps, world)
    assert ended(time_step)
    assert replay.result == (
        Result.WON if time_step.won[0] else Result.CUT_OFF if time_step.truncated[0] else Result.LOST
    )
    assert replay.team_reward.tolist() == sink.rewards[: replay.steps]


def ended(time_step: TimeStep) -> bool:
    return bool(time_step.terminated[0] or time_step.truncated[0])


def assert_moment(replay: Replay, moment: int, world: World) -> None:
    units = world.snapshot(0)
    for name in ("x", "y", "health", "shield", "energy_or_cooldown", "target"):
        assert [getattr(unit, name) for unit in units] == getattr(replay, name)[moment].tolist(), (name, moment)
    facts = [(unit.side, unit.index, unit.type, unit.health_max) for unit in units]
    assert facts == [(unit.side, unit.index, unit.type, unit.health_max) for unit in replay.units]


def test_a_shown_battle_is_the_worlds_own(tmp_path: Path) -> None:
    _, replays = make(tmp_path)
    replay = replays.show(4, {})
    assert replay.explored.all()  # untrained agents explore always
    assert_played(replay, EpisodeBatch(Purpose.REPLAY, 4, 1))


def test_an_evaluations_first_battle_is_recorded_with_its_team_reward(tmp_path: Path) -> None:
    team, replays = make(tmp_path)
    evaluate(team.agents, team.world, 16, 8, replays.evaluations)
    replay = replays.evaluations.last
    assert replay is not None
    assert_played(replay, EpisodeBatch(Purpose.EVALUATION, 16, 8))
    results = team.mixer.records.results(Purpose.EVALUATION)
    assert replay.steps == results.lengths[0]
    assert replay.team_return == pytest.approx(float(results.returns[0]), abs=1e-5)
    assert not replay.explored.any()


def test_choices_that_were_not_explored_have_the_highest_q_value(tmp_path: Path) -> None:
    _, replays = make(tmp_path, env_steps=25_000)
    replay = replays.show(4, {})
    greedy = np.nanargmax(replay.q_values, -1)
    assert (replay.actions == greedy)[~replay.explored].all()
    assert 0.2 < replay.explored.mean() < 0.8
    assert replay.occasion.epsilon == pytest.approx(0.525)


def test_a_battle_that_ends_before_its_batch_is_recorded_to_its_own_end(tmp_path: Path) -> None:
    team, replays = make(tmp_path)
    lengths = []
    for first in range(0, 48, 8):
        played = play(team.agents, team.world, EpisodeBatch(Purpose.REPLAY, first, 8), 1.0, replays.evaluations)
        assert replays.evaluations.last is not None
        assert replays.evaluations.last.steps == played.lengths[0]
        assert (replays.evaluations.last.result is Result.WON) == played.won[0]
        lengths.append((played.lengths[0], played.lengths.max()))
    assert any(own < longest for own, longest in lengths)


def test_what_is_kept_can_be_read_and_goes_with_its_checkpoint(tmp_path: Path) -> None:
    team, replays = make(tmp_path, env_steps=25_000)
    replays.keep_round(4, replays.show(4, {}))
    evaluate(team.agents, team.world, 0, 4, replays.evaluations)
    replays.keep_best(4)
    folder = tmp_path / "replays"
    assert sorted(path.name for path in folder.iterdir()) == ["best.json.gz", "round-000004.json.gz"]
    shown = read_replay(folder / "round-000004.json.gz").occasion
    assert (shown.run, shown.purpose, shown.round, shown.env_step, shown.seed) == ("run-7", "showing", 4, 25_000, 3)
    (tmp_path / "checkpoints" / "round-000004").rename(tmp_path / "checkpoints" / "round-000005")
    replays.keep_round(5, replays.show(5, {}))
    assert sorted(path.name for path in folder.iterdir()) == ["best.json.gz", "round-000005.json.gz"]
