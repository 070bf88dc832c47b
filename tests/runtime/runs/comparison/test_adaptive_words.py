"""The words of `fedqmix paper plan=adaptive`, the runs that they name, and the names in tables; nothing is trained."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from fedqmix.envs import team_spec
from fedqmix.envs.registry import SUITES
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.comparison import cost as costs
from fedqmix.runtime.runs.comparison.adaptive import METHODS, tasks
from fedqmix.runtime.runs.comparison.comparison import Comparison
from fedqmix.runtime.runs.comparison.outcome import outcome
from fedqmix.runtime.runs.comparison.paper import read_plan
from fedqmix.runtime.runs.side_by_side.record import Names, names_of, read_record
from fedqmix.runtime.runs.side_by_side.run import State

SMOKE = ["plan=adaptive", "scale=smoke"]


def prepared(folder: Path, *words: str) -> Comparison:
    return Comparison(read_plan([*SMOKE, f"run_dir={folder}", *words]))


def text(*shown: object) -> str:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(*shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["plan=adaptiv"], "unknown plan 'adaptiv'; did you mean 'adaptive'? Allowed: pps, adaptive."),
        (
            ["methods=[seps]"],
            "methods= is for plan=adaptive; the runs of plan=pps are chosen by maps=",
        ),
        (["tasks=[bps-1]", "plan=pps"], "tasks= is for plan=adaptive"),
        (["plan=adaptive", "maps=[3m]"], "the runs of plan=adaptive are chosen by tasks= and methods="),
        (["plan=adaptive", "strategies=[none]"], "strategies= is for plan=pps"),
        (["plan=adaptive", "methods=[sep]"], "unknown name in methods 'sep'; did you mean 'seps'?"),
        (["plan=adaptive", "methods=seps"], "a list is needed: methods=[nops,fups]"),
        (["plan=adaptive", "tasks=[bps-min]"], "unknown name in tasks 'bps-min'; did you mean 'bps-mini'?"),
        (["plan=adaptive", "tasks=[bps-1,bps-1]"], "names bps-1 twice"),
        (["plan=adaptive", "scale=night"], "Allowed: laptop, paper, smoke"),
        (["plan=adaptive", "strategy=seps"], "write methods=[seps,adaps]"),
        (["plan=adaptive", "env=bps"], "write tasks=[bps-mini]"),
        (["plan=adaptive", "map=bps-1"], "write tasks=[bps-mini]"),
        (["plan=adaptive", "seed=1"], "write seeds=[1,2,3]"),
        (["plan=adaptive", "experiment=quick"], "write scale=laptop"),
        (["plan=adaptive", "stop.return_mean=-90"], "fewer environment steps than others"),
        (["plan=adaptive", "strategy.krum_select=2"], "strategy.krum_select is a setting of krum"),
        (["plan=adaptive", "methods=[nops,seps]", "model.agent_id=true"], "model.agent_id is set by nops and seps"),
        (["plan=adaptive", "methods=[nops,oracle]", "strategy.clusters=3"], "strategy.clusters is set by oracle"),
        (["plan=adaptive", "tasks=[bps-mini]", "env.groups=2"], "env.groups is set by bps-mini"),
        (["plan=adaptive", "methods=[seps]", "strategy.clusters=many"], "strategy.clusters"),
    ],
)
def test_bad_words_are_refused_before_anything_starts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    assert main(["paper", *words, f"run_dir={tmp_path / 'new'}"]) == 2
    message = capfd.readouterr().err
    assert expected in message
    assert "Traceback" not in message
    assert list(tmp_path.iterdir()) == []


def test_a_seed_of_every_method_and_task_comes_before_the_next() -> None:
    plan = read_plan(["plan=adaptive"])
    assert plan.path.as_posix() == "runs/paper-adaptive-laptop"
    assert len(set(plan.cells)) == len({cell.place for cell in plan.cells}) == 2 * 8 * 5
    assert {cell.seed for cell in plan.cells[:16]} == {1}
    assert (plan.cells[3].name, plan.cells[3].place.as_posix()) == ("bps-mini seps seed 1", "bps-mini/seps-s1")
    assert read_plan(["plan=adaptive", "scale=paper"]).tasks[-1].name == "bps-1"


def test_each_method_has_its_settings_and_each_task_its_world(tmp_path: Path) -> None:
    comparison = prepared(tmp_path / "all", "tasks=[bps-mini,v3-mini,bps-1]", "seeds=[3]")
    teams = {"bps-mini": (6, 10), "v3-mini": (10, 14), "bps-1": (15, 10)}
    for cell in comparison.cells:
        config, (task, method) = comparison.config(cell), cell.names
        assert config == compose([*cell.words(comparison.overrides), f"run_dir={tmp_path / 'all' / cell.place}"])
        spec = team_spec(config.map, config.env)
        assert (spec.n_agents, spec.obs_dim) == teams[task]
        assert (config.experiment, config.algorithm.name, config.model.name) == ("spread", "iql", "mlp")
        assert (config.algorithm.reward, config.stop.env_steps, config.seed) == ("individual", 2000, 3)
        assert config.model.agent_id is (method == "fups_id")
        names = {"nops": "none", "fups": "full_sharing", "fups_id": "full_sharing", "snp_ps": "snp_ps"}
        expected = names.get(method, "adaps" if method.startswith("adaps") else "seps")
        assert config.strategy.name == expected
        assert getattr(config.strategy, "masks", None) == {"adaps": "mapped", "adaps_random": "random"}.get(method)
        if hasattr(config.strategy, "clusters"):
            assert config.strategy.clusters == ("types" if method == "oracle" else "auto")
            assert config.strategy.identity_steps == 100


def test_own_settings_take_the_place_of_the_plans(tmp_path: Path) -> None:
    words = "model=gru", "stop.env_steps=900", "strategy.clusters=3", "strategy.identity_steps=30"
    comparison = prepared(tmp_path / "all", "methods=[nops,seps,oracle]", *words)
    for cell in comparison.cells:
        config = comparison.config(cell)
        assert (config.model.name, config.stop.env_steps, config.model.hidden) == ("gru", 900, 16)
        assert sum(word.startswith("model=") for word in cell.words(comparison.overrides)) == 1
        name = cell.method.names[0]
        assert getattr(config.strategy, "clusters", None) == {"nops": None, "seps": 3, "oracle": "types"}[name]
        assert getattr(config.strategy, "identity_steps", 30) == 30


def test_a_task_is_there_when_its_suite_is() -> None:
    assert {"bps-mini", "v3-mini", "bps-1"} <= set(tasks())
    assert ("lbf-fixed" in tasks()) is ("lbf" in SUITES)


def test_tables_have_the_names_of_tasks_and_methods(tmp_path: Path) -> None:
    """Seed 1 of seps has played 1000 of 2000 steps in 50 s, so 0.05 s a step for 3000 steps: 150 s."""
    comparison = prepared(tmp_path / "all", "methods=[nops,seps]")
    for method, seconds in (("nops", 10.0), ("seps", 50.0)):
        folder = tmp_path / "all" / "bps-mini" / f"{method}-s1"
        folder.mkdir(parents=True)
        row = {"env_step": 1000, "elapsed_s": seconds, "test_return_mean": -200.0}
        (folder / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    runs = comparison.runs()
    found = costs.estimate(comparison, runs, lambda text: None)
    assert [cost.names for cost in found] == [("bps-mini", "nops"), ("bps-mini", "seps")]
    assert found[1].seconds == pytest.approx(0.05 * 3000)
    heads = text(costs.table(found, 1, comparison.heads)).splitlines()[1]
    assert [part.strip() for part in heads.strip("┃").split("┃")][:3] == ["task", "method", "runs"]
    for run in runs.values():
        run.state = State.DONE
    shown = text(outcome(runs, comparison.heads)).splitlines()
    assert [part.strip() for part in shown[1].strip("┃").split("┃")][:4] == ["task", "method", "seeds done", "return"]
    assert [part.strip() for part in shown[4].strip("│").split("│")][:4] == ["bps-mini", "seps", "2 of 2", "-200.00"]


def test_the_record_names_the_runs_of_every_call(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    prepared(folder, "methods=[nops]").lock().close()
    prepared(folder, "methods=[seps]", "seeds=[1]").lock().close()
    record = read_record(folder / "paper.json")
    assert record is not None
    assert record.names == {
        f"bps-mini/{name}": Names("bps-mini", name[:4]) for name in ("nops-s1", "nops-s2", "seps-s1")
    }
    assert names_of(folder / "bps-mini" / "seps-s1") == ("bps-mini", "seps")
    assert names_of(folder / "bps-mini" / "seps-s9") is None
    assert names_of(tmp_path / "seps-s1") is None


def test_the_record_of_the_other_plan_has_no_names(tmp_path: Path) -> None:
    words = ["scale=smoke", "algorithms=[vdn]", "strategies=[none]", f"run_dir={tmp_path / 'all'}"]
    Comparison(read_plan(words)).lock().close()
    assert set(json.loads((tmp_path / "all" / "paper.json").read_bytes())) == {
        "overrides",
        "runs",
        "env_steps",
        "knows",
    }
    assert names_of(tmp_path / "all" / "3m" / "vdn-none-s1") is None


@pytest.mark.parametrize("names", ['["seps"]', '{"bps-mini/seps-s1": ["seps"]}', '{"bps-mini/seps-s1": [1, "seps"]}'])
def test_a_damaged_record_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str], names: str) -> None:
    (tmp_path / "paper.json").write_text(f'{{"overrides": [], "runs": [], "names": {names}}}')
    assert main(["paper", *SMOKE, f"run_dir={tmp_path}"]) == 2
    assert "paper.json is damaged" in capfd.readouterr().err


def test_every_method_is_explained() -> None:
    page = (Path(__file__).parents[4] / "docs" / "paper.md").read_text(encoding="utf-8")
    for name in METHODS:
        assert f"| `{name}` |" in page


def test_a_folder_keeps_the_settings_of_each_method(tmp_path: Path) -> None:
    """The first method, nops, has no strategy.keep; a method that joins later may have any."""
    prepared(tmp_path, "methods=[nops,snp_ps]", "strategy.keep=0.5").lock().close()
    with pytest.raises(ConfigurationError, match=r"strategy\.keep was 0\.5 and would be 0\.9\. Choose another run_dir"):
        prepared(tmp_path, "methods=[nops,snp_ps]", "strategy.keep=0.9")
    prepared(tmp_path, "methods=[nops,seps]", "strategy.clusters=3")
