"""The world of env=smac with unmodified SMAC and pysc2 over the stand-in for the game.

SMAC's source is found through FEDQMIX_SMAC_PATH, a folder that holds `smac/`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from fedqmix.clients.agents import AgentStack
from fedqmix.clients.playing import play
from fedqmix.envs.factory import make_world, team_spec
from fedqmix.envs.maps import load_map
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.seeds import key
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from fedqmix.server.team_records import TeamRecords
from support.tagged import eventually, gone
from support.toy_team import CPU, MODEL, algorithm
from support.worlds import KeepingSink, RandomPlayer, advance_and_attack, copied, options, over, training

SEED = 4
SMAC = os.environ.get("FEDQMIX_SMAC_PATH")
pytestmark = pytest.mark.skipif(not SMAC, reason="FEDQMIX_SMAC_PATH names no folder with SMAC's source")
LIMITS = (6.0, 9.0)
"""SMAC's ranges of shooting and sight, map cells."""
FOUR_MAPS = ("3m", "2s3z", "MMM2", "corridor")


@pytest.fixture
def world(starcraft, monkeypatch, tag):
    """Makes worlds, and closes them."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    made = []

    def make(map: str, sink, **changes):
        made.append(make_world(map, SEED, smac(map, **changes), sink))
        return made[-1]

    yield make
    for one in made:
        one.close()


def smac(map: str, **changes):
    """Settings of env=smac with two games."""
    return replace(compose(["env=smac", f"map={map}", "env.games=2"]).env, **changes)


class SideBySide:
    """Two games, and beside each a world of skirmish that plays the same battles."""

    def __init__(self, make, map: str, **changes) -> None:
        self.record = load_map(map)
        self.sink, self.sinks = KeepingSink(), [KeepingSink(), KeepingSink()]
        self.world = make(map, self.sink, **changes)
        seeds = [key(SEED, "starcraft", game) % 2**31 for game in range(2)]
        self.beside = [
            SkirmishWorld(self.record, seed, options(**changes), sink)
            for seed, sink in zip(seeds, self.sinks, strict=True)
        ]
        self.battles = self.won = self.lost = self.time_steps = self.at_limits = 0
        self.credited, self.alike = 0, 0  # rewards of single agents and steps, and those that are skirmish's own
        self.individual_returns = np.zeros((2, 2, self.record.n_agents))  # [ours and exact, games, agents]

    def play(self, number: int) -> None:
        """Play the number-th battle of both games, by a script or at random, and compare every step."""
        time_step = copied(self.world.begin(training(2 * number, 2)))
        time_steps = [copied(one.begin(training(number, 1))) for one in self.beside]
        player = RandomPlayer(9, 2 * number, 2)
        self._compare(time_step, time_steps, (0, 1))
        while not over(time_step).all():
            running = np.flatnonzero(~over(time_step))
            scripted = number % 2 == 0 and self.record.map_type != "MMM"  # the script knows no medivacs
            actions = (
                advance_and_attack(time_step, self.record.n_enemies, focus=True) if scripted else player(time_step)
            )
            actions[:, over(time_step)] = 0
            time_step = copied(self.world.step(actions))
            for game in running:
                time_steps[game] = copied(self.beside[game].step(actions[:, game : game + 1]))
            self._compare(time_step, time_steps, running)
        assert not time_step.broken.any()
        self.battles += 2
        self.won += int(time_step.won.sum())
        self.lost += int((time_step.terminated & ~time_step.won).sum())

    def _compare(self, time_step, time_steps, games) -> None:
        team = self.sink.time_steps[-1]
        for game in games:
            its, its_team = time_steps[game], self.sinks[game].time_steps[-1]
            self.time_steps += 1
            if self._at_a_limit(game):
                self.at_limits += 1
            else:
                np.testing.assert_allclose(time_step.observations[:, game], its.observations[:, 0], atol=1e-5, rtol=0)
                np.testing.assert_array_equal(time_step.available_actions[:, game], its.available_actions[:, 0])
            np.testing.assert_allclose(team.state[game], its_team.state[0], atol=1e-5, rtol=0)
            np.testing.assert_allclose(team.team_reward[game], its_team.team_reward[0], atol=1e-5, rtol=0)
            for field in ("terminated", "truncated", "won", "broken"):
                assert getattr(time_step, field)[game] == getattr(its, field)[0], field
            own, exact = time_step.individual_rewards[:, game], its.individual_rewards[:, 0]
            self.individual_returns[:, game] += own, exact
            self.credited += int(((own != 0) | (exact != 0)).sum())
            self.alike += int((np.isclose(own, exact, atol=1e-5) & ((own != 0) | (exact != 0))).sum())

    def _at_a_limit(self, game: int) -> bool:
        """Whether somebody is so exactly as far away as one can see or shoot that the game's float32 decides."""
        units = self.beside[game].units_of_all_battles()[0]
        places = np.stack([units["x"], units["y"]], axis=1)[units["health"] > 0]
        distances = np.linalg.norm(places[:, None] - places, axis=2)
        return bool((np.abs(distances[..., None] - LIMITS) < 1e-5).any())

    def misplaced(self) -> float:
        """What share of all that was earned was credited to other agents than in skirmish, over all battles."""
        ours, exact = self.individual_returns
        return float(np.abs(ours - exact).sum() / 2 / exact.sum())

    def close(self) -> None:
        for one in self.beside:
            one.close()


@pytest.mark.parametrize("map", FOUR_MAPS)
def test_every_number_is_skirmishs_own_for_the_same_units(world, map):
    both = SideBySide(world, map)
    for number in range(3):
        both.play(number)
    both.close()
    assert both.misplaced() < 0.15


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("map", FOUR_MAPS)
def test_fifty_battles(world, map):
    both = SideBySide(world, map)
    for number in range(25):
        both.play(number)
    both.close()
    print(f"{map}: {both.battles} battles, {both.won} won, {both.lost} lost; of {both.credited} rewards of single")
    print(f"agents and steps {both.alike / both.credited:.1%} are those of skirmish, which knows who hit whom;")
    print(f"{both.misplaced():.1%} of all that was earned went to others; {both.turns} turns compared, ")
    print(f"{both.at_limits} of them without observations and masks, as somebody stood at a limit of sight or range")
    assert both.at_limits < 0.01 * both.time_steps
    assert both.battles == 50
    assert both.lost
    assert both.misplaced() < 0.1


def test_rewards_with_every_option(world):
    both = SideBySide(world, "2s3z", reward_only_positive=False, obs_timestep_number=True, state_timestep_number=True)
    for number in range(2):
        both.play(number)
    both.close()


def games_of(processes: list[int]) -> list[psutil.Process]:
    """The game of each game process."""
    return [child for pid in processes for child in psutil.Process(pid).children(recursive=True)]


def test_a_game_killed_in_mid_battle_costs_that_battle_and_nothing_else(world, caplog):
    spec = team_spec("3m", smac("3m"))
    records = TeamRecords(spec, 50, CPU)
    made = world("3m", records)
    agents = AgentStack(range(3), spec, MODEL, algorithm(), SEED, CPU)
    killed, lengths = [], []

    class Murderer:
        """Kills the second battle's game in the fifth turn it sees."""

        time_steps = 0

        def acting(self, time_step, q_values, actions, explored):
            self.time_steps += 1
            if self.time_steps == 5:
                (game,) = games_of(made.processes[1:])
                game.kill()
                killed.append(game)

        def over(self, time_step):
            lengths.append(self.time_steps)

    played = play(agents, made, EpisodeBatch(Purpose.TRAINING, 0, 5), 1.0, Murderer())
    assert played.broken == 1
    assert len(played.lengths) == records.ring.added == 5
    assert int(played.lengths.sum()) == int(records.ring.packed(0)["lengths"].sum())
    assert "The game of training battle 1 broke down: GameBrokenError" in caplog.text
    assert len(games_of(made.processes)) == 2
    assert eventually(lambda: all(map(gone, killed)))


def test_a_game_that_hangs_is_killed(world, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("FEDQMIX_STAND_IN_COUNTER", str(tmp_path / "games"))
    monkeypatch.setenv("FEDQMIX_STAND_IN_HANG", "1:4")
    made = world("3m", KeepingSink(), games=1, call_seconds=2)
    time_step = made.begin(training(0, 1))
    games = games_of(made.processes)
    while not over(time_step).any():
        time_step = made.step(time_step.available_actions.argmax(-1))
    assert time_step.broken.all()
    assert "it did not answer within 2 s" in caplog.text
    assert eventually(lambda: all(map(gone, games)))
    assert not made.begin(training(0, 1)).broken.any()


def test_a_batch_can_be_left_in_its_first_battle(world):
    """SMAC alone would start a second game then, and count the enemies twice in max_reward."""
    both = SideBySide(world, "3m")
    both.world.begin(training(0, 2))
    for one in both.beside:
        one.begin(training(0, 1))
    games = games_of(both.world.processes)
    both.play(1)
    assert games_of(both.world.processes) == games
    both.close()


def test_closing_ends_the_games(world):
    made = world("3m", KeepingSink())
    made.begin(training(0, 2))
    games = games_of(made.processes)
    assert len(games) == 2
    made.close()
    assert eventually(lambda: all(map(gone, games)))


def test_killing_the_game_process_ends_its_game(world):
    made = world("3m", KeepingSink())
    made.begin(training(0, 2))
    games = games_of(made.processes)
    os.kill(made.processes[0], signal.SIGKILL)
    assert eventually(lambda: gone(games[0]))
    assert not gone(games[1])


def test_the_game_saves_a_replay_of_battles_that_are_shown(world, tmp_path: Path):
    made = world("3m", KeepingSink(), games=1, replay_dir=str(tmp_path / "replays"))
    time_step = made.begin(EpisodeBatch(Purpose.REPLAY, 0, 1))
    while not over(time_step).all():
        time_step = made.step(time_step.available_actions.argmax(-1))
    (replay,) = (tmp_path / "replays").glob("3m_*.SC2Replay")
    assert replay.stat().st_size > 0


def test_training_counts_games_that_broke_down(starcraft, monkeypatch, tag, tmp_path: Path):
    """The whole command; the first game that is started dies in its eighth step, the third in its fortieth."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("FEDQMIX_STAND_IN_COUNTER", str(tmp_path / "games"))
    monkeypatch.setenv("FEDQMIX_STAND_IN_CRASH", "1:8,3:40")
    run = tmp_path / "run"
    command = [sys.executable, "-m", "fedqmix", "train", "env=smac", "map=3m", "experiment=smoke", "env.games=2"]
    done = subprocess.run(
        [*command, "env.difficulty=A", f"run_dir={run}"], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert done.stderr.count("The game of ") == 2
    assert rows[-1]["broken_battles"] == 1  # the first broke while a battle was only shown, which counts for nothing
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["game"] == "StarCraft II 4.10.0 (build 75689)"
    assert summary["env"] == "smac"
    assert list((run / "replays").glob("3m_*.SC2Replay"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_training_of_twenty_thousand_environment_steps_ends_cleanly(starcraft, monkeypatch, tag, tmp_path: Path):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    run = tmp_path / "run"
    command = [sys.executable, "-m", "fedqmix", "train", "env=smac", "map=3m", "stop.env_steps=20000"]
    subprocess.run([*command, f"run_dir={run}"], check=True, timeout=1100)
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["outcome"] == "finished"
    assert summary["final"]["env_step"] >= 20_000
    assert summary["final"]["broken_battles"] == 0
