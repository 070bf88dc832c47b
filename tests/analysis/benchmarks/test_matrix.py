"""`fedqmix bench matrix`: tables of joint actions, from values made by hand and from teams that were trained."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest

from fedqmix.analysis.benchmarks.joint_values import Values, described, greedy_play, situations
from fedqmix.analysis.benchmarks.matrix import measure
from fedqmix.analysis.benchmarks.matrix_table import main as print_tables
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.core.errors import ConfigurationError

SHORT = ["stop.env_steps=320"]


def made(own: list[list[list[float]]], payoffs: np.ndarray, steps: int = 1) -> Values:
    """Return values of two agents. own: [steps][agents][n_actions]; payoffs: of the last step, by joint action."""
    n_actions = len(own[0][0])
    joint = list(product(range(n_actions), repeat=2))
    plays = np.array(list(product(joint, repeat=steps))).transpose(2, 1, 0)
    values = np.array([[np.array(own[step][agent])[plays[agent, step]] for step in range(steps)] for agent in range(2)])
    rewards = np.zeros(plays.shape[1:])
    rewards[-1] = payoffs[plays[0, -1], plays[1, -1]]
    states = np.zeros((*plays.shape[1:], 2))
    states[0, :, 0] = states[1:, :, 1] = 1
    return Values(plays, rewards, states, values, {"q_total": values.sum(0, keepdims=True)})


def test_agents_take_their_own_best_and_earn_its_payoff() -> None:
    payoffs = np.array([[8.0, -12, -12], [-12, 0, 0], [-12, 0, 0]])
    values = made([[[-4, 1, 2], [-5, 3, 3]]], payoffs)
    found = described(values, ["start", "later"])
    assert (found["greedy"], found["return"], found["best"]) == ([[2, 1]], 0, 8)
    (start,) = found["situations"]
    assert start["name"] == "start"
    assert start["payoffs"] == payoffs.tolist()
    assert start["own"] == [[-4, 1, 2], [-5, 3, 3]]
    assert start["values"]["q_total"] == [[-9, -1, -1], [-4, 4, 4], [-3, 5, 5]]


def test_a_game_of_two_steps_has_a_table_for_each() -> None:
    values = made([[[0, 1], [3, 2]], [[5, 4], [6, 7]]], np.array([[1.0, 2], [3, 4]]), steps=2)
    assert greedy_play(values) == ([[1, 0], [0, 1]], 2)
    first, second = situations(values, ["start", "later"])
    assert (first["name"], second["name"]) == ("start", "later")
    assert first["payoffs"] == [[0, 0], [0, 0]]
    assert first["values"]["q_total"] == [[3, 2], [4, 3]]
    assert second["payoffs"] == [[1, 2], [3, 4]]
    assert second["values"]["q_total"] == [[11, 12], [10, 11]]


def test_additive_payoffs_are_learned() -> None:
    """VDN represents a sum of the agents' parts exactly, and its table is the sum of their values."""
    found = measure(["map=own", "env.payoffs=[[0,1],[2,3]]", "stop.env_steps=4000"], ["vdn"], [1])["results"]["vdn"]
    assert (found["found"], found["of"]) == (1, 1)
    (start,) = found["runs"][0]["situations"]
    own = np.array(start["own"])
    np.testing.assert_allclose(start["values"]["q_total"], own[0][:, None] + own[1][None], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(start["values"]["q_total"], start["payoffs"], atol=0.3)


@pytest.mark.parametrize("algorithm", ["iql", "qmix", "ow_qmix", "cw_qmix"])
def test_every_algorithm_has_tables(algorithm: str) -> None:
    """A greedy joint action has the largest monotone value; what the game pays for it is the run's return."""
    (run,) = measure(["map=qtran", *SHORT], [algorithm], [2])["results"][algorithm]["runs"]
    (start,) = run["situations"]
    (greedy,) = run["greedy"]
    tables = {name: np.array(table) for name, table in start["values"].items()}
    assert list(tables) == {"iql": ["sum"], "qmix": ["q_total"]}.get(algorithm, ["q_total", "central"])
    first = next(iter(tables.values()))
    assert first.shape == (3, 3)
    assert first[tuple(greedy)] == pytest.approx(first.max(), abs=1e-5)
    assert run["return"] == np.array(start["payoffs"])[tuple(greedy)]
    assert run["best"] == 8


def test_three_agents_have_a_table_too(capfd: pytest.CaptureFixture[str], tmp_path) -> None:
    """The command prints tables on standard error and figures on standard output, and a file of them prints again."""
    table = "env.payoffs=[[[1,2],[3,4]],[[5,6],[7,8]]]"
    assert main(["bench", "matrix", "map=own", table, "algorithms=vdn", "seeds=1,2", *SHORT]) == 0
    shown = capfd.readouterr()
    figures = json.loads(shown.out)
    assert figures["map"] == "own"
    assert figures["command"].startswith("fedqmix bench matrix map=own")
    assert [run["seed"] for run in figures["results"]["vdn"]["runs"]] == [1, 2]
    assert "of 2 seeds take the best (8)" in shown.err
    assert "(1, 0, 1)" in shown.err
    (tmp_path / "figures.json").write_text(shown.out)
    assert print_tables([str(tmp_path / "figures.json")]) == 0
    assert "vdn: " in capfd.readouterr().out


def test_two_steps_end_where_agent_0_leads() -> None:
    (run,) = measure(["map=two_step", *SHORT], ["qmix"], [1])["results"]["qmix"]["runs"]
    assert [one["name"] for one in run["situations"]] == ["start", "chosen_table_0", "chosen_table_1"]
    assert [one["payoffs"] for one in run["situations"][1:]] == [[[7, 7], [7, 7]], [[0, 1], [1, 8]]]
    first, second = run["greedy"]
    assert run["return"] == [[[7, 7], [7, 7]], [[0, 1], [1, 8]]][first[0]][second[0]][second[1]]


@pytest.mark.parametrize(
    ("words", "algorithms", "message"),
    [
        (["seed=3"], ["vdn"], "'seed=3' is a setting of a single run: write seeds=1,2,3"),
        (["algorithm=vdn"], ["vdn"], "write algorithms=vdn,qmix"),
        (["env=lbf"], ["vdn"], "env=lbf is not a matrix game"),
        ([], ["ippo"], "algorithm=ippo has no values of joint actions"),
        (["map=own", "env.payoffs=[[1]]"], ["vdn"], "not a table of payoffs"),
    ],
)
def test_mistakes_are_refused(words: list[str], algorithms: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        measure(words, algorithms, [1])
