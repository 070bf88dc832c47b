"""What may be said to `fedqmix paper`, what it makes of it, and what it says that it will cost; nothing is compared."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.comparison import cost as costs
from fedqmix.runtime.runs.comparison.comparison import Comparison
from fedqmix.runtime.runs.comparison.outcome import outcome
from fedqmix.runtime.runs.comparison.paper import read_plan
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.side_by_side import cores
from fedqmix.runtime.runs.side_by_side.display import Display
from fedqmix.runtime.runs.side_by_side.run import State

FEW = ["scale=smoke", "algorithms=[vdn]", "strategies=[none,a_pps]"]


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "cores", lambda: 4)


def prepared(folder: Path, *words: str) -> Comparison:
    names = [word.partition("=")[0] for word in words]
    few = [word for word in FEW if word.partition("=")[0] not in names]
    return Comparison(read_plan([*few, f"run_dir={folder}", *words]))


def played(folder: Path, env_step: int, seconds: float, won: float) -> None:
    """Let a run have one evaluation."""
    folder.mkdir(parents=True)
    row = {"env_step": env_step, "elapsed_s": seconds, "test_battle_won_mean": won, "test_return_mean": 1.0}
    (folder / "metrics.jsonl").write_text(json.dumps(row) + "\n")


def text(*shown: object) -> str:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(*shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["scale=laptp"], "did you mean 'laptop'"),
        (["scale=[laptop]"], "one plain word"),
        (["maps=3m"], "a list is needed"),
        (["maps=[]"], "a list is needed"),
        (["maps=3m,2s3z"], "a list has brackets"),
        (["maps=[3m,3m]"], "names 3m twice"),
        (["maps=[3M]"], "did you mean '3m'"),
        (["maps=[3m]", "maps=[8m]"], "needed once"),
        (["maps=null"], "a value is needed"),
        (["algorithms=[qmx]"], "did you mean 'qmix'"),
        (["strategies=[fedprox]"], "Allowed: a_pps, adaps, bulyan, clusters"),
        (["seeds=[1,1]"], "names seed 1 twice"),
        (["seeds=[]"], "a list of whole numbers"),
        (["map=3m"], "write maps=[3m,2s3z]"),
        (["strategy=a_pps"], "write strategies=["),
        (["seed=1"], "write seeds=[1,2,3]"),
        (["experiment=quick"], "write scale=laptop"),
        (["resume=runs/x"], "goes on by itself"),
        (["-m"], "leave it out"),
        (["stop.win_rate=0.9"], "fewer environment steps than others"),
        (["stop.rounds=3"], "fewer environment steps than others"),
        (["strategy.reward=individual,policy"], "equal settings"),
        (["runtime=deployment"], "leave runtime= out"),
        (["run_dir='RUN-${seed}'"], "one plain word"),
        (["run_dir=RUN"], "holds a single run"),
        (["run_dir=TAKEN"], "not empty"),
        (["strategy.shared=[head.*]"], "strategy=none shares nothing"),
        (["algorithm.gama=1"], "did you mean 'algorithm.gamma=1'"),
        (["nonsense"], "sets nothing"),
        (["strategies=[own]", "strategy.code=nowhere_at_all:It"], "PYTHONPATH"),
    ],
)
def test_bad_words_are_refused_before_anything_starts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    run, taken = tmp_path / "run", tmp_path / "taken"
    RunFolder.create(run, compose(["experiment=smoke", f"run_dir={run}"]), ["fedqmix"]).close()
    taken.mkdir()
    (taken / "mine.txt").write_text("keep me")
    before = sorted(tmp_path.rglob("*"))
    told = [word.replace("RUN", str(run)).replace("TAKEN", str(taken)) for word in words]
    place = [] if any(word.startswith("run_dir=") for word in words) else [f"run_dir={tmp_path / 'new'}"]
    few = [] if words[0].startswith(("scale", "algorithms", "strategies")) else FEW
    assert main(["paper", *few, *told, *place]) == 2
    message = capfd.readouterr().err
    assert expected in message
    assert "Traceback" not in message
    assert sorted(tmp_path.rglob("*")) == before


def test_a_seed_of_everything_comes_before_the_next() -> None:
    plan = read_plan([])
    assert (plan.overrides, plan.path.as_posix()) == (("experiment=laptop",), "runs/paper-laptop")
    assert len(plan.cells) == 2 * 2 * 5 * 5
    assert {cell.seed for cell in plan.cells[:20]} == {1}
    assert len(set(plan.cells)) == len({cell.place for cell in plan.cells}) == 100
    assert plan.cells[0].place.as_posix() == "3m/qmix-none-s1"
    assert len({cell.names[2] for cell in plan.cells}) == 5


def test_every_run_has_the_settings_of_its_scale_and_what_was_said(tmp_path: Path) -> None:
    comparison = prepared(tmp_path / "all", "scale=laptop", "maps=[2s3z]", "seeds=[1,2]", "stop.env_steps=5000")
    for cell in comparison.cells:
        config = comparison.config(cell)
        assert (config.map, config.algorithm.name, config.strategy.name, config.seed) == (
            *(cell.names[0], cell.names[1], cell.names[2]),
            cell.seed,
        )
        assert config == compose([*cell.words(comparison.overrides), f"run_dir={tmp_path / 'all' / cell.place}"])
        assert (config.experiment, config.stop.env_steps, config.stop.win_rate) == ("laptop", 5000, None)
        assert config.runtime.threads == 1  # four runs on four cores


def test_the_paper_scale_is_the_papers_experiment(tmp_path: Path) -> None:
    comparison = Comparison(read_plan(["scale=paper", "maps=[corridor]", f"run_dir={tmp_path / 'all'}", "seeds=[7]"]))
    assert len(comparison.cells) == 10
    config = comparison.config(comparison.cells[0])
    assert (config.algorithm.batch_size, config.algorithm.buffer_size, config.stop.env_steps) == (96, 5000, 2_000_000)


def test_what_was_begun_keeps_its_settings_and_gets_more_runs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "all"
    with prepared(folder, "seeds=[1]").lock():
        assert main(["paper", *FEW, f"run_dir={folder}", "seeds=[1]", "--dry-run", "algorithm.gamma=0.5"]) == 2
    assert "algorithm.gamma was 0.99 and would be 0.5" in capfd.readouterr().err
    more = prepared(folder, "seeds=[1,2,3,4,5]", "stop.env_steps=900")
    assert more.config(more.cells[0]).runtime.threads == 2  # as it was begun: two runs on four cores
    more.lock().close()
    record = json.loads((folder / "paper.json").read_bytes())
    assert len(record["runs"]) == 10
    assert record["runs"][:2] == ["3m/vdn-none-s1", "3m/vdn-a_pps-s1"]
    assert "stop.env_steps=900" in record["overrides"]


def test_a_comparison_begun_before_starts_could_be_chosen_goes_on_with_fixed_ones(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    prepared(folder, "seeds=[1]").lock().close()
    record = json.loads((folder / "paper.json").read_bytes())
    del record["knows"]
    (folder / "paper.json").write_text(json.dumps(record))
    more = prepared(folder, "seeds=[1,2]")
    assert {more.config(cell).evaluation.starts for cell in more.cells} == {"fixed"}
    assert all("evaluation.starts=fixed" in cell.words(more.overrides) for cell in more.cells)


def test_the_code_of_an_own_strategy_is_told_to_its_runs_alone(tmp_path: Path) -> None:
    code = "strategy.code=fedqmix.strategies.a_pps:AveragePPS"
    comparison = prepared(tmp_path / "all", "strategies=[none,own]", code)
    codes = {cell.names[2]: comparison.config(cell).strategy.code for cell in comparison.cells}
    assert codes == {"none": None, "own": "fedqmix.strategies.a_pps:AveragePPS"}


def test_runs_leave_out_what_their_methods_do_not_have(tmp_path: Path) -> None:
    words = "algorithms=[vdn,qmix]", "algorithm.mixing_embed=8", "strategies=[none,rs_pps]", "strategy.reward=team"
    comparison = prepared(tmp_path / "all", *words)
    for cell in comparison.cells:
        said = cell.words(comparison.overrides)
        assert ("strategy.reward=team" in said) == (cell.names[2] == "rs_pps")
        assert ("algorithm.mixing_embed=8" in said) == (cell.names[1] == "qmix")
        assert getattr(comparison.config(cell).strategy, "reward", "team") == "team"
        assert getattr(comparison.config(cell).algorithm, "mixing_embed", 8) == 8


def test_what_none_of_the_methods_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"strategy\.krum_select is a setting of krum; strategy=none has:"):
        prepared(tmp_path / "all", "strategies=[none,a_pps]", "strategy.krum_select=2")


def test_two_programs_cannot_train_one_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with prepared(tmp_path / "all").lock():
        assert main(["paper", *FEW, f"run_dir={tmp_path / 'all'}"]) == 1
    assert "is being written by process" in capfd.readouterr().err


@pytest.mark.parametrize("record", ["{", "[]", '{"overrides": []}', '{"overrides": [1], "runs": []}'])
def test_a_damaged_record_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str], record: str) -> None:
    (tmp_path / "paper.json").write_text(record)
    assert main(["paper", *FEW, f"run_dir={tmp_path}"]) == 2
    assert "paper.json is damaged" in capfd.readouterr().err


def test_the_cost_is_that_of_runs_so_far(tmp_path: Path) -> None:
    """Two of four runs have played: 1000 of 2000 steps in 50 s, and 500 in 10 s; so 0.04 s a step for 6500 steps."""
    comparison = prepared(tmp_path / "all")
    played(tmp_path / "all" / "3m" / "vdn-none-s1", 1000, 50.0, 0.5)
    played(tmp_path / "all" / "3m" / "vdn-a_pps-s2", 500, 10.0, 0.5)
    told: list[str] = []
    (cost,) = costs.estimate(comparison, comparison.runs(), told.append)
    assert not told
    assert (cost.runs, cost.env_steps, cost.measured) == (4, 6500, False)
    assert cost.seconds == pytest.approx(0.04 * 6500)
    assert "2 min" in text(costs.table([cost], 2, comparison.heads))  # 260 s of computing, two at once: 130 s


def test_what_was_never_run_is_measured(tmp_path: Path) -> None:
    comparison = prepared(tmp_path / "all", "algorithms=[vdn,qmix]", "stop.env_steps=100")
    played(tmp_path / "all" / "3m" / "vdn-none-s1", 100, 1.0, 0.5)
    told: list[str] = []
    known, measured = costs.estimate(comparison, comparison.runs(), told.append)
    assert told == ["measuring 3m qmix"]
    assert (known.measured, measured.measured) == (False, True)
    assert 1e-6 < measured.seconds_a_step < 10
    assert not (tmp_path / "all" / "3m" / "qmix-none-s1").exists()


def test_the_closing_table_has_the_seeds_that_are_done(tmp_path: Path) -> None:
    comparison = prepared(tmp_path / "all")
    for seed, won in ((1, 0.25), (2, 0.75)):
        played(tmp_path / "all" / "3m" / f"vdn-none-s{seed}", 2000, 60.0, won)
    runs = comparison.runs()
    for cell, run in runs.items():
        run.state = State.DONE if cell.names[2] == "none" else State.FAILED
    lines = text(outcome(runs, comparison.heads)).splitlines()
    (none,) = (line for line in lines if " none " in line)
    assert [part.strip() for part in none.strip("│").split("│")][3:8] == ["2 of 2", "50%", "25%", "75%", "2,000"]
    (failed,) = (line for line in lines if " a_pps " in line)
    assert "0 of 2" in failed


def test_many_runs_are_shown_as_a_whole(tmp_path: Path) -> None:
    comparison = prepared(tmp_path / "all", "seeds=[1,2,3,4,5,6,7]")
    played(tmp_path / "all" / "3m" / "vdn-none-s1", 2000, 60.0, 1.0)
    runs = list(comparison.runs().values())
    runs[0].state, runs[1].state, runs[2].state = State.DONE, State.RUNNING, State.FAILED
    for terminal in (True, False):
        console = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)
        with Display(runs, console) as display:
            display.event("something is done")
        assert isinstance(console.file, io.StringIO)
        shown = console.file.getvalue()
        assert ("1 of 14 runs done, 11 waiting, 1 failed, 2,000 of 28,000 env steps" in shown) is terminal
        assert ("vdn a_pps seed 1" in shown) is terminal
        assert "seed 5" not in shown
        assert ("something is done (1 of 14 done)" in shown) is not terminal
