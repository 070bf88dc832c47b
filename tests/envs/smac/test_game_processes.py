"""What the world of env=smac does with its game processes, whatever plays in them: here skirmish, without SMAC."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fedqmix.envs.maps import load_map
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.envs.workers.world import MOST_FAILURES
from fedqmix.runtime.core.errors import UnavailableActionError, WorldError
from fedqmix.runtime.core.seeds import key
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from support.game_team import Team
from support.tagged import eventually
from support.worlds import KeepingSink, RandomPlayer, options, over, play, training

SEED = 4


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


@pytest.fixture
def team(monkeypatch, tag):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    made = []

    def make(**settings) -> Team:
        made.append(Team(**settings))
        return made[-1]

    yield make
    for one in made:
        one.world.close()


def test_each_battle_is_played_in_a_process_of_its_own(team):
    """Two processes give what a world of skirmish gives for their seeds, number for number."""
    ours = team(map="2s3z")
    time_steps, sinks = [], []
    for first in (0, 2):
        time_steps.append(play(ours.world, training(first, 2), RandomPlayer(9, first, 2)))
        sinks.append(ours.sink.time_steps)
    assert len(set(ours.world.processes)) == 2
    for game in range(2):
        sink = KeepingSink()
        seed = key(SEED, "starcraft", game) % 2**31
        skirmish = SkirmishWorld(load_map("2s3z"), seed, options(), sink)
        for number, first in enumerate((0, 2)):
            alone = play(skirmish, training(number, 1), RandomPlayer(9, first + game, 1))
            both = zip(time_steps[number], sinks[number], alone, sink.time_steps, strict=False)
            for mine, my_team, its, its_team in both:
                for field in ("observations", "available_actions", "individual_rewards"):
                    assert np.array_equal(getattr(mine, field)[:, game], getattr(its, field)[:, 0]), field
                for field in ("terminated", "truncated", "won", "broken"):
                    assert getattr(mine, field)[game] == getattr(its, field)[0], field
                assert np.array_equal(my_team.state[game], its_team.state[0])
                assert my_team.team_reward[game] == its_team.team_reward[0]


@pytest.mark.slow
def test_the_sink_is_told_what_the_agents_are_told(team):
    ours = team()
    time_steps = play(ours.world, training(0, 2), RandomPlayer(9, 0, 2))
    assert len(time_steps) == len(ours.sink.time_steps)
    for mine, its in zip(time_steps, ours.sink.time_steps, strict=True):
        for flags in zip(mine[3:], its[2:], strict=True):
            assert np.array_equal(*flags)


def test_units_are_those_of_the_battle_asked_for(team):
    ours = team()
    ours.begin()
    ours.step(3)
    units = [ours.world.snapshot(battle) for battle in range(2)]
    assert [len(some) for some in units] == [6, 6]
    assert units[0] != units[1]
    assert [unit.last_action for unit in units[0][:3]] != [0, 0, 0]
    with pytest.raises(WorldError, match="no battle 2: the batch has battles 0 to 1"):
        ours.world.snapshot(2)


def test_a_killed_process_costs_its_battle_and_nothing_else(team, caplog):
    ours, undisturbed = team(), team()
    ours.begin()
    undisturbed.begin()
    ours.step(4)
    undisturbed.step(4)
    first, second = ours.world.processes
    os.kill(first, signal.SIGKILL)
    time_step = ours.step()
    undisturbed.step()
    assert time_step.broken.tolist() == [True, False]
    assert [flag[0] for flag in time_step[3:7]] == [True, False, False, True]
    assert not time_step.individual_rewards[:, 0].any()
    assert ours.sink.time_steps[-1].team_reward[0] == 0
    assert not time_step.available_actions[:, 0, 1:].any()
    assert ours.world.processes == [second]
    assert "The game of training battle 0 broke down: its process died" in caplog.text
    ended, expected = ours.finish(), undisturbed.finish()
    assert ended.broken.tolist() == [True, False]
    assert np.array_equal(ended.observations[:, 1], expected.observations[:, 1])
    assert np.array_equal(ours.sink.time_steps[-1].broken, [True, False])
    again = ours.begin()
    assert not over(again).any()
    assert len(ours.world.processes) == 2
    ours.finish()
    assert not ours.time_step.broken.any()


def test_a_process_that_does_not_answer_in_time_is_killed(team, caplog):
    ours = team(seconds=1)
    ours.begin()
    ours.step()
    stopped = ours.world.processes[1]
    os.kill(stopped, signal.SIGSTOP)
    assert ours.step().broken.tolist() == [False, True]
    assert "it did not answer within 1 s" in caplog.text
    assert not alive(stopped)


def test_a_process_that_is_gone_before_a_battle_begins(team):
    ours = team()
    ours.begin()
    ours.finish()
    os.kill(ours.world.processes[0], signal.SIGKILL)
    time_step = ours.begin(2)
    assert time_step.broken.tolist() == time_step.terminated.tolist() == [True, False]
    assert not ours.begin(2, 1).broken.any()


def test_a_snapshot_of_a_dead_game_has_nobody(team):
    ours = team()
    ours.begin()
    os.kill(ours.world.processes[0], signal.SIGKILL)
    assert ours.world.snapshot(0) == []
    assert ours.world.snapshot(0) == []
    assert ours.step().broken.tolist() == [True, False]


@pytest.mark.parametrize(
    "where", ["begin", *(pytest.param(where, marks=pytest.mark.slow) for where in ("make", "step"))]
)
def test_a_world_whose_games_always_break_down_says_why(team, monkeypatch, where):
    monkeypatch.setenv("FEDQMIX_STAND_IN_FAILS", where)
    ours = team(games=1)

    def attempt():
        if not ours.begin(0, 1).broken.any():
            ours.step()
        assert ours.time_step.broken.all()

    for _ in range(MOST_FAILURES):
        attempt()
    with pytest.raises(WorldError, match=rf"{MOST_FAILURES + 1} battles in a row broke down.*fails to {where}.*doctor"):
        attempt()


def test_a_world_that_gave_up_goes_on_once_the_cause_is_mended(team, monkeypatch):
    """The other game's first sight, which nobody has looked at, is not taken for that of its next battle."""
    ours = team()
    ours.begin()
    os.kill(ours.world.processes[0], signal.SIGKILL)
    with monkeypatch.context() as strict:
        strict.setattr("fedqmix.envs.workers.world.MOST_FAILURES", 0)
        with pytest.raises(WorldError, match="1 battles in a row broke down"):
            ours.begin()
    skirmish = SkirmishWorld(load_map("3m"), key(SEED, "starcraft", 1) % 2**31, options(), KeepingSink())
    time_step, expected = ours.begin(), skirmish.begin(training(2, 1))
    for _ in range(6):
        assert not time_step.broken.any()
        assert np.array_equal(time_step.observations[:, 1], expected.observations[:, 0])
        actions = ours.player(time_step)
        time_step, expected = ours.world.step(actions), skirmish.step(actions[:, 1:])


def test_a_failure_is_told_with_what_the_process_said(team, monkeypatch, caplog):
    monkeypatch.setenv("FEDQMIX_STAND_IN_FAILS", "begin")
    assert team(games=1).begin(0, 1).broken.all()
    assert "RuntimeError: this stand-in fails to begin (stand_in_worker.py, line " in caplog.text
    assert "; its last output: the stand-in worker says hello." in caplog.text


def test_a_program_that_is_no_worker(team, caplog):
    assert team(games=1, program=(sys.executable, "-c", "print('not me')")).begin(0, 1).broken.all()
    assert "its process died; its last output: not me" in caplog.text


def test_a_battle_that_is_over_counts_though_no_replay_could_be_saved(team, monkeypatch, caplog):
    monkeypatch.setenv("FEDQMIX_STAND_IN_FAILS", "replay")
    ours = team(games=1)
    time_steps = play(ours.world, EpisodeBatch(Purpose.REPLAY, 0, 1), RandomPlayer(9, 0, 1))
    assert not time_steps[-1].broken.any()
    assert "No replay was saved: RuntimeError: this stand-in fails to replay" in caplog.text
    assert not ours.begin(0, 1).broken.any()


def test_what_the_world_refuses(team):
    ours = team()
    with pytest.raises(WorldError, match="No battle was begun"):
        ours.world.step(np.zeros((3, 0), np.int64))
    for count in (0, 3):
        with pytest.raises(WorldError, match=f"1 to env.games=2 battles; asked for {count}"):
            ours.world.begin(training(0, count))
    time_step = ours.begin()
    for wrong in (time_step.available_actions[1, 1].argmin(), -1, 99):
        actions = time_step.available_actions.argmax(-1)
        actions[1, 1] = wrong
        with pytest.raises(UnavailableActionError, match=rf"Agent 1 .*{wrong}.*battle 1"):
            ours.world.step(actions)
    assert not ours.step().broken.any()
    ours.world.close()
    with pytest.raises(WorldError, match="closed"):
        ours.world.begin(training(0, 1))


def test_closing_ends_all_processes(team):
    ours = team()
    ours.begin()
    processes = ours.world.processes
    ours.world.close()
    assert not any(map(alive, processes))


OWNER = """
import os, sys, time
from support.game_team import Team
team = Team()
team.begin()
print(*team.world.processes, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("death", [signal.SIGKILL, *(pytest.param(s, marks=pytest.mark.slow) for s in (15, 2))])
def test_no_process_outlives_its_owner_however_that_one_dies(tag, death):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, env=environment) as owner:
        processes = [int(word) for word in owner.stdout.readline().split()]
        assert len(processes) == 2
        assert all(map(alive, processes))
        owner.send_signal(death)
    assert eventually(lambda: not any(map(alive, processes)))
