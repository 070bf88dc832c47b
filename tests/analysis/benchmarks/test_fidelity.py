"""`fedqmix bench fidelity` counts battles of scripted teams; its figures become a table."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fedqmix.analysis.benchmarks import fidelity
from fedqmix.analysis.benchmarks.difficulty import CLASSES, difficulty
from fedqmix.analysis.benchmarks.shifted import shift_units
from fedqmix.envs.factory import available_maps, make_world
from fedqmix.envs.options import skirmish_options
from fedqmix.envs.positions import read_units, ways
from fedqmix.envs.scripted import ScriptedTeam
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.core.world import EpisodeBatch, Purpose


class Sums:
    """Keeps each battle's return and length by asking the state of things after every step."""

    def begin(self, battles, time_step):
        self.returns = np.zeros(battles.count)

        self.rewards = []

    def record(self, time_step):
        self.returns += time_step.team_reward
        self.rewards.append(float(time_step.team_reward[0]))


def counted(map, policy, episodes, seed):
    """Play battle after battle, each alone; return won, return, discounted return and length of each."""
    rows = []
    for episode in range(episodes):
        sums = Sums()
        world, team = make_world(map, seed, skirmish_options(), sums), ScriptedTeam(policy, map, seed)
        battles = EpisodeBatch(Purpose.EVALUATION, episode, 1)
        time_step, steps = world.begin(battles), 0
        team.begin(battles)
        while not (time_step.terminated[0] or time_step.truncated[0]):
            time_step = world.step(team.choose(read_units(world, 1), time_step.available_actions))
            steps += 1
        discounted = sum(reward * 0.99**step for step, reward in enumerate(sums.rewards))
        rows.append((bool(time_step.won[0]), float(sums.returns[0]), discounted, steps))
    return np.array(rows, dtype=float)


@pytest.mark.parametrize("policy", ["random", "nearest"])
def test_figures_are_those_of_the_battles(policy, monkeypatch):
    monkeypatch.setattr(fidelity, "BATCH", 5)
    figures = fidelity.measure(["3m"], [policy], episodes=12, seed=4)["results"]["3m"][policy]
    won, returned, discounted, steps = counted("3m", policy, 12, 4).T
    assert figures["won_mean"] == won.mean()
    assert figures["return_mean"] == pytest.approx(returned.mean(), abs=1e-3)
    assert figures["return_standard_error"] == pytest.approx(returned.std(ddof=1) / 12**0.5, abs=1e-3)
    assert figures["discounted_mean"] == pytest.approx(discounted.mean(), abs=1e-3)
    assert figures["ep_length_mean"] == pytest.approx(steps.mean(), abs=0.01)
    assert figures["won_low"] <= figures["won_mean"] <= figures["won_high"]


def test_explorers_take_random_actions_so_often():
    def figures(policy, explore):
        conditions = fidelity.Conditions(explore=explore)
        return fidelity.measure(["3m"], [policy], episodes=32, conditions=conditions)["results"]["3m"][policy]

    assert figures("focus", 1.0) == figures("random", 0.0) == figures("random", 0.5)
    assert (
        figures("focus", 0.0)["return_mean"]
        > figures("focus", 0.3)["return_mean"]
        > figures("focus", 1.0)["return_mean"]
    )


def test_the_interval_is_wilsons(monkeypatch):
    outcomes = np.arange(20) < 8
    nothing = np.zeros(20)
    monkeypatch.setattr(fidelity, "_play", lambda *_: (outcomes, outcomes, nothing, nothing, nothing))
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


def starts(map, first, count, shift, seed=4):
    world = make_world(map, seed, skirmish_options(), Sums())
    battles = EpisodeBatch(Purpose.EVALUATION, first, count)
    world.begin(battles)
    shift_units(world, map, seed, battles, shift)
    units = read_units(world, count)
    return np.stack([units["x"], units["y"]])


def test_shifted_starts_are_within_the_shift_and_each_battle_s_own():
    fixed, shifted = starts("3m", 0, 5, 0.0), starts("3m", 0, 5, 0.25)
    assert 0.2 < np.abs(shifted - fixed).max() <= 0.25
    assert len(np.unique(shifted[0, :, 0])) == 5
    np.testing.assert_array_equal(starts("3m", 3, 1, 0.25)[:, 0], shifted[:, 3])
    assert (starts("3m", 0, 5, 0.25, seed=5) != shifted).all()


def test_nobody_is_shifted_off_the_ground_and_structures_stay():
    for map in ("corridor", "2s_vs_1sc"):
        fixed, shifted = starts(map, 0, 64, 0.0), starts(map, 0, 64, 2.0)
        assert ways(map).walkable(*shifted).all()
        assert (shifted != fixed).any((0, 1))[:6].all() if map == "corridor" else (shifted == fixed).all((0, 1))[-1]


def test_shifted_starts_end_a_win_that_hangs_on_the_exact_places():
    fixed, shifted = (
        fidelity.measure(["8m"], ["downwards"], episodes=64, conditions=fidelity.Conditions(shift))["results"]["8m"][
            "downwards"
        ]
        for shift in (0.0, 0.25)
    )
    assert fixed["won_low"] > 0.75
    assert shifted["won_high"] < 0.65


def test_two_files_become_one_table(capfd, tmp_path):
    paths = []
    for name, shift in (("fixed", "0"), ("shifted", "0.25")):
        words = ["maps=3m,5m_vs_6m", "policies=focus,upwards,downwards", "episodes=4", f"shift={shift}"]
        assert main(["bench", "fidelity", *words]) == 0
        paths.append(tmp_path / name)
        paths[-1].write_text(capfd.readouterr().out)
    figures = [json.loads(path.read_text()) for path in paths]
    assert [part["shift"] for part in figures] == [0, 0.25]
    assert fidelity.main(["beside", *map(str, paths)]) == 0
    _, _, *rows = capfd.readouterr().out.splitlines()
    constant, other = rows[0].split("|")[3:5]
    best = max(figures[0]["results"]["3m"][name]["won_mean"] for name in ("upwards", "downwards"))
    assert constant.split(" %")[0].strip() == f"{100 * best:.0f}"
    assert other.count("%") == 2
    assert "focus" in other or other == " 0 %, shifted 0 % "
    assert fidelity.main(["beside", str(paths[0])]) == 2


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
        (["shift=3"], "from 0 to 2"),
        (["shift=-1"], "from 0 to 2"),
        (["shift=inf"], "from 0 to 2"),
        (["explore=nan"], "from 0 to 1"),
        (["explore=much"], "from 0 to 1"),
        (["policy=kite"], "is not an option of bench fidelity"),
    ],
)
def test_bad_words_are_refused(capfd, words, expected):
    assert main(["bench", "fidelity", *words]) == 2
    assert expected in capfd.readouterr().err
