"""What may be said beside seeds=, and what an experiment with several seeds makes of it; nothing is trained."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from fedqmix.runtime.cli import train as command
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.seeds import take_seeds
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.seeds.experiment import Experiment
from fedqmix.runtime.runs.side_by_side import cores
from fedqmix.runtime.runs.side_by_side.display import Display
from fedqmix.runtime.runs.side_by_side.run import Run, State

SMOKE = ["experiment=smoke"]


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "cores", lambda: 4)


def begin(folder: Path, seeds: list[int], *words: str) -> Experiment:
    """Begin, and let the folder be written by others at once."""
    experiment = Experiment.begin([*SMOKE, f"run_dir={folder}", *words], seeds)
    experiment.close()
    return experiment


def seed_run(folder: Path, *words: str) -> Run:
    """Seed 3 of an experiment in a folder."""
    config = compose([*SMOKE, "seed=3", f"run_dir={folder}/seed-3", *words])
    return Run("seed 3", folder / "seed-3", folder / "log", [*SMOKE, *words, "seed=3"], config)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["seeds=[]"], "a list of whole numbers"),
        (["seeds=[1,1]"], "names seed 1 twice"),
        (["seeds=[0,2,0]"], "names seed 0 twice"),
        (["seeds=[1,-1]"], "at least 0"),
        (["seeds=[one]"], "a list of whole numbers"),
        (["seeds=[1.5]"], "a list of whole numbers"),
        (["seeds=[true]"], "a list of whole numbers"),
        (["seeds=1,2"], "seeds=[1,2,3]"),
        (["seeds=3"], "seeds=[1,2,3]"),
        (["seeds=[1,2"], "cannot read 'seeds=[1,2'"),
        (["seeds"], "sets nothing"),
        (["seeds=[1]", "seeds=[2]"], "in one list"),
        (["seeds=[1]", "seed=2"], "one of both"),
        (["-m", "seeds=[1],[2]"], "a list of whole numbers"),
        (["-m", "seeds=[1]", "seed=2,3"], "one of both"),
        (["seeds=[1]", "resume=RUN"], "leave seeds= out"),
        (["seeds=[1]", "runtime=deployment"], "runtime=local"),
        (["seeds=[1]", "run_dir='RUN-${seed}'"], "leave ${seed} out"),
        (["seeds=[1]", "run_dir=RUN"], "holds a single run"),
        (["seeds=[1]", "run_dir=TAKEN"], "not empty"),
        (["seeds=[1]", "map=3M"], "did you mean '3m'"),
        (["seeds=[1]", "strategy=none,a_pps"], "add -m"),
    ],
)
def test_bad_words_are_refused_before_anything_starts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    run, taken = tmp_path / "run", tmp_path / "taken"
    RunFolder.create(run, compose([*SMOKE, f"run_dir={run}"]), ["fedqmix"]).close()
    taken.mkdir()
    (taken / "mine.txt").write_text("keep me")
    before = sorted(tmp_path.rglob("*"))
    told = [word.replace("RUN", str(run)).replace("TAKEN", str(taken)) for word in words]
    place = [] if any(word.startswith(("run_dir=", "resume=")) for word in words) else [f"run_dir={tmp_path / 'new'}"]
    assert main(["train", *told, *place]) == 2
    message = capfd.readouterr().err
    assert expected in message
    assert "Traceback" not in message
    assert sorted(tmp_path.rglob("*")) == before


def test_seeds_belong_to_train_alone(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "seeds=[1,2]"]) == 2
    assert "unknown setting 'seeds'" in capfd.readouterr().err


def test_zero_is_a_seed_and_the_order_is_kept() -> None:
    assert take_seeds(["map=3m", "seeds=[3, 0]", "logger=jsonl"]) == ([3, 0], ["map=3m", "logger=jsonl"])
    assert take_seeds(["seed=1"]) == (None, ["seed=1"])


def test_the_folder_is_named_as_a_single_runs_but_for_the_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Experiment.begin(["strategy=none", "map=8m"], [1, 2]) as experiment:
        assert experiment.path.as_posix().startswith("runs/8m-qmix-none-seeds-")
        assert experiment.run_dir(2) == experiment.path / "seed-2"


def test_cores_are_shared_out_unless_threads_are_given(tmp_path: Path) -> None:
    assert [begin(tmp_path / str(n), list(range(n))).config.runtime.threads for n in (1, 2, 3, 9)] == [4, 2, 1, 1]
    given = begin(tmp_path / "given", [1, 2], "runtime.threads=1")
    assert given.overrides == [*SMOKE, "runtime.threads=1", "runtime.world_threads=1"]
    both = [*SMOKE, "runtime.threads=3", "runtime.world_threads=2"]
    assert begin(tmp_path / "both", [1, 2], *both[1:]).overrides == both
    assert [cores.side_by_side(runs, threads) for runs, threads in ((9, 1), (2, 1), (9, 2), (9, 7))] == [4, 2, 2, 1]


def test_more_seeds_of_the_same_experiment_have_the_same_threads(tmp_path: Path) -> None:
    assert begin(tmp_path / "all", [1]).config.runtime.threads == 4
    more = begin(tmp_path / "all", [1, 2, 3, 4, 5], "stop.env_steps=900")
    assert (more.seeds, more.config.runtime.threads) == ((1, 2, 3, 4, 5), 4)
    with Experiment.resume(tmp_path / "all", ["stop.env_steps=700"]) as again:
        assert again.seeds == (1, 2, 3, 4, 5)
        threads = ["runtime.threads=4", "runtime.world_threads=4"]
        assert again.overrides == [*SMOKE, *threads, "stop.env_steps=700"]


def test_seeds_begun_before_starts_could_be_chosen_go_on_with_fixed_ones(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    assert begin(folder, [1]).config.evaluation.starts == "varied"
    assert begin(folder, [1, 2]).config.evaluation.starts == "varied"
    record = json.loads((folder / "seeds.json").read_text())
    del record["knows"]
    (folder / "seeds.json").write_text(json.dumps(record))
    for seeds in ([1, 2, 3], [4]):  # the second time it stands in the record
        assert begin(folder, seeds).config.evaluation.starts == "fixed"
    with Experiment.resume(folder, []) as again:
        assert (again.seeds, again.config.evaluation.starts) == ((1, 2, 3, 4), "fixed")


def test_seeds_begun_with_a_setting_of_another_strategy_go_on(tmp_path: Path) -> None:
    """An older version took strategy.reward beside strategy=a_pps, which does not read it."""
    folder = tmp_path / "all"
    begin(folder, [1])
    record = json.loads((folder / "seeds.json").read_text())
    record["overrides"] += ["strategy.reward=team", "algorithm.alpha=0.5"]
    (folder / "seeds.json").write_text(json.dumps(record))
    with Experiment.resume(folder, []) as again:
        assert (again.config.strategy.name, again.config.algorithm.name) == ("a_pps", "qmix")
        assert not {"strategy.reward=team", "algorithm.alpha=0.5"} & set(again.overrides)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["seeds=[1]", "algorithm.gamma=0.5", "run_dir=ALL"], "algorithm.gamma was 0.99 and would be 0.5"),
        (["seeds=[1]", "map=8m", "run_dir=ALL"], "map was 3m and would be 8m"),
        (["resume=ALL", "algorithm.gamma=0.5"], "keeps its own settings"),
        (["resume=ALL", "stop.env_steps=0"], "out of range"),
        (["resume=ALL", "stop.env_steps=1,2"], "several values"),
    ],
)
def test_what_was_begun_keeps_its_settings(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    folder = begin(tmp_path / "all", [1]).path
    before = (folder / "seeds.json").read_bytes()
    fresh = [] if words[0].startswith("resume") else SMOKE
    assert main(["train", *fresh, *(word.replace("ALL", str(folder)) for word in words)]) == 2
    assert expected in capfd.readouterr().err
    assert (folder / "seeds.json").read_bytes() == before


@pytest.mark.parametrize("record", ["{", "[]", '{"seeds": [], "overrides": []}', '{"seeds": ["1"], "overrides": []}'])
def test_a_damaged_record_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str], record: str) -> None:
    (tmp_path / "seeds.json").write_text(record)
    assert main(["train", f"resume={tmp_path}"]) == 2
    assert "seeds.json is damaged" in capfd.readouterr().err


def test_two_programs_cannot_train_one_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Experiment.begin([*SMOKE, f"run_dir={tmp_path / 'all'}"], [1]):
        assert main(["train", f"resume={tmp_path / 'all'}"]) == 1
    assert "is being written by process" in capfd.readouterr().err


def test_every_run_of_a_sweep_gets_the_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[list[str], list[int]]] = []

    def note(words: list[str], seeds: list[int]) -> int:
        begun.append((words, seeds))
        return 1 if "strategy=none" in words else 0

    monkeypatch.setattr(command, "begin_seeds", note)
    assert main(["train", "-m", "strategy=none,a_pps", "seeds=[1,2]"]) == 1
    assert begun == [(["strategy=none"], [1, 2]), (["strategy=a_pps"], [1, 2])]


def test_a_run_that_was_ended_before_its_first_checkpoint_is_begun_anew(tmp_path: Path) -> None:
    run = seed_run(tmp_path)
    assert run.make_way() is State.RUNNING
    RunFolder.create(run.folder, compose([*SMOKE]), ["fedqmix"]).close()
    assert run.make_way() is State.RUNNING
    assert not run.folder.exists()
    run.folder.mkdir()
    (run.folder / "mine.txt").write_text("keep me")
    assert run.make_way() is State.RUNNING
    assert (run.folder / "mine.txt").exists()
    assert run.words(State.RUNNING) == [*SMOKE, "seed=3", f"run_dir={run.folder}"]


def test_what_goes_on_is_told_what_has_changed_and_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "seed-3"
    begun = compose([*SMOKE, "seed=3", f"run_dir={folder}", "stop.env_steps=100"])
    RunFolder.create(folder, begun, ["fedqmix"]).close()
    (folder / "checkpoints" / "round-000000").mkdir()
    (folder / "summary.json").write_text('{"outcome": "finished"}')
    done = seed_run(tmp_path, "stop.env_steps=100")
    assert done.state is State.DONE
    assert done.words(State.RESUMED) == [f"resume={folder}"]
    more = seed_run(tmp_path, "logger=tensorboard", "stop.win_rate=0.5")
    assert (more.state, more.make_way()) == (State.WAITING, State.RESUMED)
    changes = ["logger=tensorboard", "stop.env_steps=2000", "stop.win_rate=0.5"]
    assert more.words(State.RESUMED) == [f"resume={folder}", *changes]


def test_a_terminal_gets_a_line_for_each_seed_and_a_log_gets_events(tmp_path: Path) -> None:
    run = seed_run(tmp_path)
    run.folder.mkdir()
    (run.folder / "metrics.jsonl").write_text('{"env_step": 1234, "elapsed_s": 2.5, "test_battle_won_mean": 0.25}\n')
    run.state = State.RESUMED
    run.look()
    for terminal in (True, False):
        console = Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None)
        with Display([run], console) as display:
            display.event("seed 3 goes on")
        assert isinstance(console.file, io.StringIO)
        text = console.file.getvalue()
        assert ("1,234 of 2,000 │ won 25% │ running, resumed" in text) is terminal
        assert ("seed 3 goes on" in text) is not terminal
