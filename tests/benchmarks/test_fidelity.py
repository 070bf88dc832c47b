"""`fedqmix bench fidelity` counts battles of scripted teams; its figures become a table."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import fidelity
from benchmarks.difficulty import CLASSES, difficulty
from contracts.world import Battles, Purpose
from envs.factory import available_maps, make_world
from envs.options import skirmish_options
from envs.positions import read_units
from envs.scripted import ScriptedTeam
from runtimes.cli import main


class Sums:
    """Keeps each battle's return and length by asking the state of things after every step."""

    def begin(self, battles, turn):
        self.returns = np.zeros(battles.count)

    def record(self, turn):
        self.returns += turn.team_reward


def counted(map, policy, episodes, seed):
    """Play battle after battle, each alone; return won, return and length of each."""
    rows = []
    for episode in range(episodes):
        sums = Sums()
        world, team = make_world(map, seed, skirmish_options(), sums), ScriptedTeam(policy, map, seed)
        battles = Battles(Purpose.EVALUATION, episode, 1)
        turn, steps = world.begin(battles), 0
        team.begin(battles)
        while not (turn.terminated[0] or turn.truncated[0]):
            turn = world.step(team.choose(read_units(world, 1), turn.available_actions))
            steps += 1
        rows.append((bool(turn.won[0]), float(sums.returns[0]), steps))
    return np.array(rows, dtype=float)


@pytest.mark.parametrize("policy", ["random", "nearest"])
def test_figures_are_those_of_the_battles(policy, monkeypatch):
    monkeypatch.setattr(fidelity, "BATCH", 5)
    figures = fidelity.measure(["3m"], [policy], episodes=12, seed=4)["results"]["3m"][policy]
    won, returned, steps = counted("3m", policy, 12, 4).T
    assert figures["won_mean"] == won.mean()
    assert figures["return_mean"] == pytest.approx(returned.mean(), abs=1e-3)
    assert figures["return_standard_error"] == pytest.approx(returned.std(ddof=1) / 12**0.5, abs=1e-3)
    assert figures["ep_length_mean"] == pytest.approx(steps.mean(), abs=0.01)
    assert figures["won_low"] <= figures["won_mean"] <= figures["won_high"]


def test_the_interval_is_wilsons(monkeypatch):
    outcomes = np.arange(20) < 8
    nothing = np.zeros(20)
    monkeypatch.setattr(fidelity, "_play", lambda *_: (outcomes, outcomes, nothing, nothing))
    figures = fidelity.measure(["3m"], ["focus"], episodes=20)["results"]["3m"]["focus"]
    z = 1.959963984540054  # Wilson 1927, written out
    centre, half = (8 + z * z / 2) / (20 + z * z), z * (8 * 12 / 20 + z * z / 4) ** 0.5 / (20 + z * z)
    assert (figures["won_low"], figures["won_high"]) == pytest.approx((centre - half, centre + half))


def test_the_command_prints_figures_and_the_module_a_table(capfd, tmp_path):
    assert main(["bench", "fidelity", "maps=3m,5m_vs_6m", "policies=focus,random", "episodes=4", "seed=1"]) == 0
    printed = capfd.readouterr().out
    figures = json.loads(printed)
    assert list(figures["results"]) == ["3m", "5m_vs_6m"]
    assert all(set(by_policy) == {"focus", "random"} for by_policy in figures["results"].values())
    assert figures["episodes"] == 4
    path = tmp_path / "figures.json"
    path.write_text(printed)
    assert fidelity.main(["table", str(path)]) == 0
    header, _, *rows = capfd.readouterr().out.splitlines()
    assert "focus: won, return, steps" in header
    assert [row.split("|")[1:3] for row in rows] == [[" 3m ", " (easy) "], [" 5m_vs_6m ", " hard "]]
    won = round(100 * figures["results"]["3m"]["focus"]["won_mean"])
    assert f"| {won} % (" in rows[0]


def test_how_far_it_is_is_told():
    told = []
    fidelity.measure(["3m"], ["focus"], episodes=6, tell=lambda *news: told.append(news))
    assert {news[:2] for news in told} == {("3m", "focus")}
    assert sum(battles for *_, battles in told) == 6


def test_every_map_has_a_class():
    assert {difficulty(map).strip("()") for map in available_maps()} <= set(CLASSES)
    assert difficulty("nowhere") == "none"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["policies=kit"], "did you mean 'kite'"),
        (["maps=3M"], "did you mean '3m'"),
        (["episodes=0"], "above 0"),
        (["seed=one"], "0 or above"),
        (["policy=kite"], "no option of bench fidelity"),
    ],
)
def test_bad_words_are_refused(capfd, words, expected):
    assert main(["bench", "fidelity", *words]) == 2
    assert expected in capfd.readouterr().err
