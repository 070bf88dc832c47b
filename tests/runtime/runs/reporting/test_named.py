"""Sizes of real teams, counted from their checkpoints, and anchors from played episodes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from fedqmix.analysis.reports.runs import Run, TeamSize
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.runs.comparison.comparison import Comparison
from fedqmix.runtime.runs.comparison.paper import read_plan
from fedqmix.runtime.runs.reporting import named
from fedqmix.runtime.runs.reporting.reading import read_run
from fedqmix.strategies.sub_networks import drawn_units

HIDDEN, AGENTS, INPUTS, ACTIONS = 16, 6, 10 + 5, 5  # inputs: an observation and the last action


def mlp(inputs: int, first: int = HIDDEN, second: int = HIDDEN) -> int:
    """Return the parameters of two hidden layers, by hand."""
    return (inputs + 1) * first + (first + 1) * second + (second + 1) * ACTIONS


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a comparison with a run of each method, trained in this process."""
    folder = tmp_path_factory.mktemp("methods") / "all"
    small = ["stop.env_steps=800", "strategy.aggregation_interval=4", "strategy.identity_steps=20"]
    small += ["strategy.identity_converged=0"]
    comparison = Comparison(read_plan(["plan=adaptive", "scale=smoke", "seeds=[1]", *small, f"run_dir={folder}"]))
    comparison.lock().close()
    for cell in comparison.cells:
        assert main(["train", *comparison.words(cell), f"run_dir='{folder / cell.place}'"]) == 0
    return folder / "bps-mini"


def size(trained: Path, method: str) -> TeamSize | None:
    run = named.with_size(read_run(trained / f"{method}-s1"))
    assert (run.task, run.method) == ("bps-mini", method)
    return run.size


def test_what_does_not_find_clusters_has_the_sizes_of_its_definition(trained: Path) -> None:
    one = mlp(INPUTS)
    assert size(trained, "nops") == TeamSize(AGENTS * one, one)
    assert size(trained, "fups") == TeamSize(one, one)
    assert size(trained, "fups_id") == TeamSize(one + AGENTS * HIDDEN, one + AGENTS * HIDDEN)
    assert size(trained, "oracle") == TeamSize(3 * one, one)


def test_found_clusters_have_a_network_each(trained: Path) -> None:
    figures = json.loads((trained / "seps-s1" / "summary.json").read_bytes())["strategy_figures"]
    assert size(trained, "seps") == TeamSize(len(figures["identity"]["clusters"]) * mlp(INPUTS), mlp(INPUTS))


@pytest.mark.parametrize("method", ["adaps", "adaps_random", "snp_ps"])
def test_sub_networks_train_what_some_agent_holds_of_one_network(trained: Path, method: str) -> None:
    figures = json.loads((trained / f"{method}-s1" / "summary.json").read_bytes())["strategy_figures"]
    first, second = (
        [[int(unit) for unit in own.split()] for own in figures["units"][layer]] for layer in ("fc1", "fc2")
    )
    between = {(one, other) for own, theirs in zip(first, second, strict=True) for one in own for other in theirs}
    ones, others = {unit for own in first for unit in own}, {unit for own in second for unit in own}
    held = (INPUTS + 1) * len(ones) + len(between) + len(others) + ACTIONS * len(others) + ACTIONS
    assert size(trained, method) == TeamSize(held, mlp(INPUTS))
    assert mlp(INPUTS, HIDDEN // 2, HIDDEN // 2) <= held <= mlp(INPUTS)
    if method == "snp_ps":
        assert first[4] == drawn_units(1, "snp mask", 4, "fc1", HIDDEN, HIDDEN // 2).tolist()


def test_what_cannot_be_counted_has_no_size(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bps-mini" / "nops-s1"
    shutil.copytree(trained / "nops-s1", folder)
    assert read_run(folder).method == ""  # out of its comparison it has no name
    assert named.with_size(read_run(folder)).size is None
    shutil.copy(trained.parent / "paper.json", tmp_path)
    assert named.with_size(read_run(folder)).size == size(trained, "nops")
    shutil.rmtree(folder / "checkpoints")
    assert named.with_size(read_run(folder)).size is None


def test_damaged_units_and_networks_of_a_users_own_are_refused(trained: Path, tmp_path: Path) -> None:
    folder, mark = tmp_path / "snp", tmp_path / "imported"
    shutil.copytree(trained / "snp_ps-s1", folder)
    summary = json.loads((folder / "summary.json").read_bytes())
    for units in ([1], {"fc1": "x", "fc2": "y"}, {"fc1": [[0]], "fc2": [[0]]}, {"fc1": ["0 9" + 30 * "9"]}, {}):
        summary["strategy_figures"]["units"] = units
        (folder / "summary.json").write_text(json.dumps(summary))
        with pytest.raises(CheckpointError, match=r"summary\.json is damaged: its units"):
            named.team_size(folder)
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    code = tmp_path / "theirs.py"
    code.write_text(f"open({str(mark)!r}, 'w').close()\nclass Theirs: pass\n")
    settings["model"] |= {"name": "own", "code": f"{code}:Theirs"}
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(ConfigurationError, match="does not import"):
        named.team_size(folder)
    assert not mark.exists()


def test_anchors_are_those_of_the_tasks_own_world(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent of three groups earns about -46.6 at the centre and -13.6 with lookahead, by another simulation."""
    monkeypatch.setattr(named, "EPISODES", 200)
    runs: list[Run] = [read_run(trained / f"{method}-s1") for method in ("nops", "seps")]
    (task, own), *others = named.anchors_of(runs).items()
    assert (task, others, own.episodes) == ("bps-mini", [], 200)
    assert own.centre / AGENTS == pytest.approx(-46.6, rel=0.1)
    assert own.lookahead / AGENTS == pytest.approx(-13.6, rel=0.1)


def test_runs_without_names_or_anchors_have_none(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "nops-s1", tmp_path / "nops")
    assert named.anchors_of([read_run(tmp_path / "nops")]) == {}
