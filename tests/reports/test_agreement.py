"""What may not stand in one report is refused, with the difference and the runs by name."""

from __future__ import annotations

import pytest
from run_folders import run

from contracts.errors import ConfigurationError
from reports.agreement import require_alike, require_each_once
from reports.runs import by_method

LIKE = {
    "game": "1.2",
    "episodes": 32,
    "starts": "varied",
    "every_env_steps": 5000,
    "world_settings": {"env.reward_win": 200},
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"world": "smac"}, "world"),
        ({"game": "1.3"}, "version of the game"),
        ({"episodes": 20}, "evaluation episodes"),
        ({"starts": "fixed"}, "the starts of evaluation battles"),
        ({"every_env_steps": 10}, "environment steps between evaluations"),
        ({"world_settings": {"env.reward_win": 100}}, "env.reward_win"),
    ],
)
def test_runs_that_were_measured_otherwise_are_refused(change, told):
    with pytest.raises(ConfigurationError) as refused:
        require_alike([run([0.5], seed=1, **LIKE), run([0.5], seed=2, **(LIKE | change))])
    assert f"they differ in {told}:" in str(refused.value)
    assert "a_pps-1" in str(refused.value)
    assert "a_pps-2" in str(refused.value)
    value = next(iter(change.values()))
    assert str(value["env.reward_win"] if isinstance(value, dict) else value) in str(refused.value)


def test_what_is_not_known_is_not_compared():
    """An older run does not tell its game's version, another program's run nothing of the world's settings."""
    unknown = run([0.5], seed=3, source="EPyMARL", episodes=32)
    require_alike([run([0.5], seed=1, **LIKE), run([0.5], seed=2, **(LIKE | {"game": None})), unknown])


def test_maps_and_methods_may_differ():
    require_alike([run([0.5], map="3m", **LIKE), run([0.5], map="2s3z", strategy="none", **LIKE)])


def test_a_seed_counts_once():
    twice = [run([0.5], label="here"), run([0.25], label="there")]
    with pytest.raises(ConfigurationError, match="here and there are both seed 1 of qmix-a_pps on 3m"):
        require_each_once(by_method(twice))
    require_each_once(by_method([*twice[:1], run([0.5], seed=2), run([0.5], map="2s3z")]))


def test_a_setting_that_differs_makes_another_method():
    """Seeds of different learning rates are not seeds of one thing."""
    runs = [run([0.5], seed=seed, settings={"algorithm.gamma": gamma, "x": 1}) for seed in (1, 2) for gamma in (0.9, 1)]
    found = by_method(runs)["3m"]
    assert {name: [one.seed for one in members] for name, members in found.items()} == {
        "qmix-a_pps, gamma=0.9": [1, 2],
        "qmix-a_pps, gamma=1": [1, 2],
    }
    assert list(by_method(runs[::2])["3m"]) == ["qmix-a_pps"]
