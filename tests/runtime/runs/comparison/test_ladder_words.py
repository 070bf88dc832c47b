"""What may be written after `fedqmix ladder`, and what is made of it; nothing is trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedqmix.envs.maps import available_maps
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.runs.comparison.comparison import Comparison
from fedqmix.runtime.runs.comparison.ladder import read_ladder
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.side_by_side import cores
from fedqmix.runtime.runs.side_by_side.run import State

FEW = ["experiment=smoke", "maps=[3m,8m]"]


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "cores", lambda: 4)


def prepared(folder: Path, *words: str) -> Comparison:
    names = [word.partition("=")[0] for word in words]
    few = [word for word in FEW if word.partition("=")[0] not in names]
    return Comparison(read_ladder([*few, f"run_dir={folder}", *words]).plan)


def lengths(comparison: Comparison) -> dict[str, int]:
    return {cell.names[0]: comparison.config(cell).stop.env_steps for cell in comparison.cells}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["experiment=tund"], "did you mean 'tuned'"),
        (["maps=[3m,8n,5m_vs_6n]"], "unknown name in maps '8n'"),
        (["maps=[5m_vs_6n]"], "did you mean '5m_vs_6m'"),
        (["maps=3m"], "a list is needed"),
        (["strategies=[fedprox]"], "Allowed: a_pps, adaps, bulyan, clusters"),
        (["seeds=[1,1]"], "names seed 1 twice"),
        (["map=3m"], "fedqmix ladder trains many runs; write maps=["),
        (["strategy=a_pps"], "write strategies=["),
        (["resume=runs/x"], "goes on by itself"),
        (["-m"], "leave it out"),
        (["algorithm.gamma=0.9,0.99"], "equal settings"),
        (["algorithm.gama=1"], "did you mean 'algorithm.gamma=1'"),
        (["stop.env_steps=many"], "needed: a whole number"),
        (["runtime=deployment"], "leave runtime= out"),
        (["data=[x]"], "one plain word"),
        (["keep=best"], "data=FOLDER is needed"),
        (["keep=nothing", "data=x"], "Allowed: all, best"),
        (["data=null"], "a value is needed"),
        (["--tabel"], "sets nothing"),
        (["run_dir=RUN"], "holds a single run"),
        (["run_dir=TAKEN"], "not empty"),
        (["data=DATA", "evaluation.starts=varied"], "3m-qmix-full_sharing-smoke-s1.tar.xz is damaged"),
        (["data=DATA/3m-qmix-full_sharing-smoke-s1.tar.xz"], "is a file: a folder is needed"),
    ],
)
def test_bad_words_are_refused_before_anything_starts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    run, taken, data = tmp_path / "run", tmp_path / "taken", tmp_path / "data"
    RunFolder.create(run, compose(["experiment=smoke", f"run_dir={run}"]), ["fedqmix"]).close()
    for folder in (taken, data):
        folder.mkdir()
        (folder / "3m-qmix-full_sharing-smoke-s1.tar.xz").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    told = [word.replace("RUN", str(run)).replace("TAKEN", str(taken)).replace("DATA", str(data)) for word in words]
    place = [] if any(word.startswith("run_dir=") for word in words) else [f"run_dir={tmp_path / 'new'}"]
    names = [word.partition("=")[0] for word in words]
    few = [word for word in FEW if word.partition("=")[0] not in names]
    assert main(["ladder", "--dry-run", *few, *told, *place]) == 2
    message = capfd.readouterr().err
    assert expected in message
    assert "Traceback" not in message
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dat=DATA"], "unknown setting 'dat'"),
        (["experimen=smoke"], "did you mean 'experiment"),
        (["algorithm.gama=1"], "did you mean 'algorithm.gamma=1'"),
        (["stop.env_steps=many"], "needed: a whole number"),
        (["data=NOTHING"], "there is no such folder"),
        (["data=FILE"], "is a file: a folder is needed"),
        (["data=DATA", "out=FILE"], "is a file: a folder is needed"),
        (["data=DATA", "run_dir=FILE"], "is a file: a folder is needed"),
        (["run_dir=NOTHING"], "there is no such folder"),
    ],
)
def test_bad_words_are_refused_for_a_table_too(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    places = {"DATA": tmp_path / "data", "FILE": tmp_path / "file", "NOTHING": tmp_path / "nothing"}
    places["DATA"].mkdir()
    places["FILE"].write_text("mine")
    for name, place in places.items():
        words = [word.replace(name, str(place)) for word in words]
    before = sorted(tmp_path.rglob("*"))
    assert main(["ladder", "--table", *words]) == 2
    message = capfd.readouterr().err
    assert expected in message
    assert "Traceback" not in message
    assert sorted(tmp_path.rglob("*")) == before


def test_all_maps_of_tuned_full_sharing_with_one_seed_by_default() -> None:
    said = read_ladder([])
    assert [cell.names[0] for cell in said.plan.cells][:3] == ["2s_vs_1sc", "2s3z", "3s5z"]
    assert {cell.names[0] for cell in said.plan.cells} == set(available_maps())
    assert {(cell.names[1], cell.names[2], cell.seed) for cell in said.plan.cells} == {("qmix", "full_sharing", 1)}
    assert (said.plan.overrides, said.plan.path) == (
        ("experiment=tuned", "evaluation.starts=both"),
        Path("runs/ladder-tuned"),
    )
    assert (said.data, said.out) == (None, said.plan.path)


def test_each_map_has_the_experiments_exception_for_it(tmp_path: Path) -> None:
    maps = "maps=[3m,6h_vs_8z,3s5z_vs_3s6z]"
    for words, expected in (([], [0.6, 0.3, 0.6]), (["algorithm.td_lambda=0.5"], [0.5] * 3)):
        comparison = prepared(tmp_path / "all", "experiment=tuned", maps, *words)
        configs = [comparison.config(cell) for cell in comparison.cells]
        assert [config.algorithm.td_lambda for config in configs] == expected
        assert [config.model.hidden for config in configs] == [64, 64, 256]
        assert {config.stop.env_steps for config in configs} == {2_000_000}


def test_maps_of_one_folder_may_differ_in_length_and_each_keeps_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    prepared(folder, "seeds=[1]").lock().close()
    longer = prepared(folder, "maps=[8m]", "stop.env_steps=9000", "seeds=[1]")
    longer.lock().close()
    assert json.loads((folder / "ladder.json").read_bytes())["env_steps"] == {"8m": 9000}
    again = prepared(folder, "maps=[3m,8m,MMM2]", "seeds=[1]")
    assert lengths(again) == {"3m": 2000, "8m": 9000, "MMM2": 2000}
    again.lock().close()
    record = json.loads((folder / "ladder.json").read_bytes())
    assert record["runs"] == [f"{map_}/qmix-full_sharing-s1" for map_ in ("3m", "8m", "MMM2")]
    assert lengths(prepared(folder, "stop.env_steps=3000", "seeds=[1]")) == {"3m": 3000, "8m": 3000}


@pytest.mark.parametrize(("env_steps", "state"), [(1000, State.DONE), (2000, State.DONE), (2001, State.WAITING)])
def test_a_run_is_done_when_it_was_to_have_as_many_steps(tmp_path: Path, env_steps: int, state: State) -> None:
    place = tmp_path / "all" / "3m" / "qmix-full_sharing-s1"
    own = prepared(tmp_path / "all", "maps=[3m]")
    RunFolder.create(place, own.config(own.cells[0]), ["fedqmix"]).close()
    (place / "summary.json").write_text('{"outcome": "finished"}')
    own.lock().close()
    comparison = prepared(tmp_path / "all", "maps=[3m]", f"stop.env_steps={env_steps}")
    (run,) = comparison.runs().values()
    assert run.state is state
    (place / "summary.json").write_text('{"outcome": "interrupted"}')
    (run,) = comparison.runs().values()
    assert run.state is State.WAITING


def test_a_run_may_end_when_it_has_won(tmp_path: Path) -> None:
    comparison = prepared(tmp_path / "all", "stop.win_rate=0.9")
    assert {comparison.config(cell).stop.win_rate for cell in comparison.cells} == {0.9}


@pytest.mark.parametrize("record", ['{"overrides": [], "runs": [], "env_steps": {"3m": "x"}}', '{"overrides": []}'])
def test_a_damaged_record_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str], record: str) -> None:
    (tmp_path / "ladder.json").write_text(record)
    assert main(["ladder", *FEW, f"run_dir={tmp_path}"]) == 2
    assert "ladder.json is damaged" in capfd.readouterr().err


@pytest.mark.parametrize("words", [["evaluation.starts=fixed"], ["env=smac"]])
def test_starts_that_are_said_or_the_games_own_are_left_as_they_are(words: list[str]) -> None:
    assert read_ladder(words).plan.overrides == ("experiment=tuned", *words)
