"""What may not stand in one report is refused, with the difference and the runs by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedqmix.analysis.reports.agreement import require_alike, require_each_once
from fedqmix.analysis.reports.runs import by_method
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.reporting.reading import read_all
from support.run_folders import run, write_run

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
        ({"starts": "fixed"}, "the starts of evaluation episodes"),
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


def begun_before(path: Path, *names: str) -> Path:
    """Delete settings from a run's configuration, as it was written before they existed."""
    file = path / "config.yaml"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if line.partition(":")[0].strip() not in names))
    return path


@pytest.mark.parametrize(
    "word",
    ["algorithm.td_lambda=0.5", "strategy.proximal_mu=0.1", "strategy.share_targets=true", "strategy.clip_update=1"],
)
def test_a_run_from_before_a_setting_is_no_seed_of_runs_that_use_it(tmp_path: Path, word: str) -> None:
    name = word.partition("=")[0].rpartition(".")[2]
    old = begun_before(write_run(tmp_path / "old", [0.5], "seed=1"), name)
    same, other = (write_run(tmp_path / f"new-{n}", [0.5], f"seed={n}", *words) for n, words in ((2, ()), (3, (word,))))
    assert [len(members) for members in by_method(read_all([old, same]))["3m"].values()] == [2]
    assert [len(members) for members in by_method(read_all([old, other]))["3m"].values()] == [1, 1]


def test_a_run_from_before_varied_starts_is_not_compared_with_one_that_has_them(tmp_path: Path) -> None:
    old = begun_before(write_run(tmp_path / "old", [0.5], "evaluation.starts=fixed"), "starts")
    new = write_run(tmp_path / "new", [0.5], "seed=2", "evaluation.starts=fixed", "env.starts=varied")
    with pytest.raises(ConfigurationError, match=r"they differ in env\.starts: fixed in"):
        require_alike(read_all([old, new]))
