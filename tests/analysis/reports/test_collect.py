"""Collected runs: what is in their files and what is not, which names they have, and what is refused."""

from __future__ import annotations

import getpass
import json
import shlex
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from fedqmix.analysis.reports.runs import Run, by_method
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.settings import compose, load
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.runs.collecting.collected import FILES, Collected
from fedqmix.runtime.runs.collecting.folder import collect, collected_as
from fedqmix.runtime.runs.collecting.recipe import archive_name, command_of
from fedqmix.runtime.runs.reporting.reading import read_all, read_collected, read_run
from fedqmix.runtime.storage.archive import pack
from fedqmix.server.records import JsonlLogger
from support.run_folders import rows, write_run

WON = [0.0, 0.5, 0.75]


def packed(tmp_path: Path, **changed: bytes) -> Path:
    """Collect a run and pack it anew with other content. changed: by file, its name up to the dot."""
    path, _ = collect(write_run(tmp_path / "run", WON), tmp_path / "data")
    files = {name: changed.get(name.partition(".")[0], content) for name, content in Collected.read(path).files.items()}
    path.write_bytes(pack(files))
    return path


def go_on(folder: Path, win_rates: list[float]) -> None:
    """Let a run have other evaluations and end with them."""
    (folder / "metrics.jsonl").unlink()
    logger = JsonlLogger(folder / "metrics.jsonl")
    for row in rows(win_rates, **{"test_ep_length_mean": 30.0, "fed/bytes_up": 1e5, "fed/bytes_down": 2e5}):
        logger.log(row)
    logger.close()
    summary = json.loads((folder / "summary.json").read_bytes())
    (folder / "summary.json").write_text(json.dumps(summary | {"evaluations": len(win_rates)}))


def test_a_report_reads_a_collected_run_as_it_reads_its_folder(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", WON, "map=8m", "algorithm.learning_rate=1e-05", "seed=3")
    path, new = collect(folder, tmp_path / "data")
    assert (new, read_all([tmp_path / "data"])) == (True, [read_collected(path)])

    def told(run: Run) -> Run:
        return replace(run, label="", command="")

    assert told(read_collected(path)) == told(read_run(folder))
    assert read_collected(path).settings["algorithm.learning_rate"] == 1e-05
    assert len(path.read_bytes()) < 3000


def test_an_experiments_exceptions_make_no_other_method(tmp_path: Path) -> None:
    """But another value on one of its maps does, there and on the others."""
    for number, words in enumerate(
        (["map=3m"], ["map=6h_vs_8z"], ["map=3s5z_vs_3s6z"], ["map=3m", "algorithm.gamma=0.9", "seed=2"])
    ):
        write_run(tmp_path / str(number), WON, "experiment=tuned", *words)
    alike = by_method(read_all([tmp_path / str(number) for number in range(3)]))
    assert {tuple(methods) for methods in alike.values()} == {("qmix-a_pps",)}
    found = by_method(read_all([tmp_path]))
    assert set(found["3m"]) == {"qmix-a_pps, gamma=0.99", "qmix-a_pps, gamma=0.9"}
    write_run(tmp_path / "again", WON, "experiment=tuned", "map=6h_vs_8z", "algorithm.td_lambda=0.6", "seed=2")
    found = by_method(read_all([tmp_path / "1", tmp_path / "again"]))
    assert set(found["6h_vs_8z"]) == {"qmix-a_pps, td_lambda=0.3", "qmix-a_pps, td_lambda=0.6"}


def test_nothing_of_the_machines_places_is_in_it_and_the_command_trains_the_same(tmp_path: Path) -> None:
    words = ["map=8m", "algorithm=vdn", "strategy=rs_pps", "strategy.shared=[head.*]", "stop.win_rate=0.9", "seed=3"]
    folder = write_run(tmp_path / "run", WON, *words)
    found = Collected.read(collect(folder, tmp_path / "data")[0])
    text = b"".join(found.files.values()).decode()
    for word in (str(tmp_path), socket.gethostname(), f"/{getpass.getuser()}/", str(Path.home())):
        assert word not in text
    command = shlex.split(str(found.summary["command"]))
    assert command[:2] == ["fedqmix", "train"]
    own = load(folder)
    assert replace(compose(command[2:]), run_dir=own.run_dir) == own
    assert found.config.run_dir == found.name.removesuffix(".tar.xz")


@pytest.mark.parametrize(
    "words",
    [
        ["env=bps", "map=bps-3", "env.group_size=2", "evaluation.starts=varied", "strategy=adaps"],
        ["env=lbf", "map=Foraging-8x8-2p-3f-v3", "algorithm=vdn"],
        ["env=rware", "map=rware-tiny-2ag-v2", "algorithm=mappo"],
    ],
)
def test_runs_of_every_suite_have_a_name_and_a_command(words: list[str]) -> None:
    own = compose(["experiment=smoke", *words])
    assert archive_name(own).startswith(f"{own.map}-{own.algorithm.name}-{own.strategy.name}-smoke-")
    command = shlex.split(command_of(own))
    assert replace(compose(command[2:]), run_dir=own.run_dir) == own


def test_bytes_depend_on_the_run_alone(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", WON)
    one, _ = collect(folder, tmp_path / "one")
    other, _ = collect(folder, tmp_path / "other" / "deeper")
    assert (one.name, one.read_bytes()) == (other.name, other.read_bytes())


def test_a_name_tells_settings_apart() -> None:
    def name(*words: str) -> str:
        return archive_name(compose(["experiment=tuned", "strategy=full_sharing", *words]))

    assert name("map=3m") == "3m-qmix-full_sharing-tuned-s1.tar.xz"
    assert name("map=6h_vs_8z", "seed=2") == "6h_vs_8z-qmix-full_sharing-tuned-s2.tar.xz"
    assert name("map=6h_vs_8z", "algorithm.td_lambda=0.3", "seed=2") == name("map=6h_vs_8z", "seed=2")
    same = [(), ("stop.env_steps=9",), ("runtime.threads=3",), ("logger=tensorboard",), ("run_dir=/elsewhere",)]
    same.append(("strategy.server_momentum=0.1",))  # no server optimiser, so it decides nothing
    assert len({name("map=3m", *words) for words in same}) == 1
    other = [(), ("algorithm.td_lambda=0.3",), ("algorithm.updates_per_episode=1",), ("evaluation.episodes=9",)]
    other += [
        ("env=smac",),
        ("env.reward_win=9",),
        ("model.hidden=9",),
        ("algorithm=vdn",),
        ("strategy=none",),
    ]
    names = {name("map=3m", *words) for words in other}
    assert len(names) == len(other)
    assert all(one.startswith("3m-") and one.endswith("-s1.tar.xz") for one in names)


def test_a_run_that_went_on_replaces_what_it_was_and_no_other_does(tmp_path: Path) -> None:
    folder, data = write_run(tmp_path / "run", WON), tmp_path / "data"
    path, _ = collect(folder, data)
    assert collect(folder, data) == (path, False)
    first = path.read_bytes()

    go_on(folder, [*WON, 1.0])
    assert collect(folder, data) == (path, True)
    assert Collected.read(path).env_steps == 4000
    go_on(folder, [*WON[:2], 0.25, 0.5, 1.0])  # the last evaluation was at another place then
    with pytest.raises(
        ConfigurationError, match=r"holds another run than .* \(its evaluations are others\): delete it"
    ):
        collect(folder, data)
    path.write_bytes(first)
    assert collect(folder, data) == (path, True)
    longer = path.read_bytes()
    go_on(folder, WON[:2])
    assert (collect(folder, data), path.read_bytes()) == ((path, False), longer)


def test_it_counts_as_done_where_it_came_to_the_wanted_end(tmp_path: Path) -> None:
    collect(write_run(tmp_path / "run", WON, "stop.env_steps=3000"), tmp_path / "data")

    def found(*words: str) -> bool:
        return collected_as(compose(["experiment=smoke", *words]), tmp_path / "data") is not None

    assert found("stop.env_steps=3000")
    assert found("stop.env_steps=2000")
    assert not found("stop.env_steps=3001")
    assert not found("stop.env_steps=3000", "stop.win_rate=0.9")
    assert not found("stop.env_steps=3000", "seed=2")
    assert not found("stop.env_steps=3000", "algorithm.gamma=0.5")


def test_a_file_of_this_name_with_other_settings_is_refused(tmp_path: Path) -> None:
    """As when its experiment was changed since."""
    path = packed(tmp_path)
    text = Collected.read(path).files["config.yaml"].replace(b"gamma: 0.99", b"gamma: 0.5")
    packed(tmp_path / "again", config=text).rename(path)
    with pytest.raises(ConfigurationError, match=r"trained with another algorithm.gamma than smoke sets now"):
        collected_as(compose(["experiment=smoke"]), path.parent)
    with pytest.raises(ConfigurationError, match=r"algorithm.gamma is another"):
        collect(tmp_path / "run", path.parent)


def line(**numbers: str) -> bytes:
    """Return a line of metrics.jsonl. numbers: as they are written, in place of possible ones."""
    known = {"env_step": "9", "elapsed_s": "1", "test_battle_won_mean": "0.5"} | numbers
    return ("{" + ", ".join(f'"{name}": {number}' for name, number in known.items()) + "}\n").encode()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"config": b"map: ${oc.env:HOME}\n"}, "refer to others"),
        ({"config": b"map: !!python/object/apply:os.getcwd []\n"}, "anchors or tags"),
        ({"config": b"map: &a [*a]\n"}, "anchors or tags"),
        ({"config": b"{" * 9000}, "config.yaml is damaged"),
        ({"config": b"map: 3m\n"}, "it does not set"),
        ({"config": b"\xff\xfe"}, "config.yaml is damaged"),
        ({"config": b"- 3\n"}, "it holds no configuration"),
        ({"summary": b"[]"}, "a JSON object is needed"),
        ({"summary": b"{}"}, "it has no versions"),
        ({"summary": b"[" * 100_000}, "summary.json is damaged"),
        ({"metrics": b'{"env_step": 1}\n'}, "line 1, is damaged: it is not a row of metrics"),
        ({"metrics": b'{"env_step": 1, "elapsed_s": NaN, "test_battle_won_mean": 1}\n'}, "it is not a row of metrics"),
        ({"metrics": b'{"env_step": 1, "elapsed_s": "1", "test_battle_won_mean": 1}\n'}, "it is not a row of metrics"),
        ({"metrics": b"{\n"}, "line 1, is damaged"),
        ({"metrics": line(env_step="1" + "0" * 400)}, "it is not a row of metrics"),
        ({"metrics": line(env_step="-1")}, "it is not a row of metrics"),
        ({"metrics": line(env_step="1.5")}, "it is not a row of metrics"),
        ({"metrics": line(elapsed_s="-1")}, "it is not a row of metrics"),
        ({"metrics": line(test_battle_won_mean="2")}, "it is not a row of metrics"),
        ({"metrics": line() + line(env_step="8")}, "line 2, is damaged: it is not a row of metrics"),
        ({"summary": b'{"command": "\\u001b[31m", "versions": {}, "machine": {}}'}, "it holds control characters"),
        ({"summary": b'{"command": "\\ud800", "versions": {}, "machine": {}}'}, "it holds control characters"),
        ({"config": b'experiment: "\\e[31m"\n'}, "hold control characters"),
    ],
)
def test_hostile_content_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], changed: dict[str, bytes], words: str
) -> None:
    path = packed(tmp_path, **changed)
    with pytest.raises(CheckpointError) as caught:
        read_collected(path)
    assert words in str(caught.value)
    assert main(["report", str(path), f"out={tmp_path / 'out'}"]) == 2
    message = capfd.readouterr().err
    assert words in message
    assert "Traceback" not in message


def test_a_run_that_is_not_finished_or_names_a_place_is_not_collected(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "runs" / "done", WON)
    cut = write_run(tmp_path / "runs" / "cut", WON, "seed=2")
    summary = json.loads((cut / "summary.json").read_text())
    (cut / "summary.json").write_text(json.dumps({**summary, "outcome": "interrupted"}))
    begun = write_run(tmp_path / "runs" / "begun", WON, "seed=3")
    (begun / "summary.json").unlink()
    write_run(tmp_path / "runs" / "mine", WON, "seed=4", "logger.wandb_project=/home/me")
    data = tmp_path / "data"
    assert main(["collect", str(tmp_path / "runs"), f"data={data}"]) == 1
    said = capfd.readouterr().out
    for word in ("cut is not finished", "begun is not finished", "'/home/me' names a place on this machine"):
        assert word in said
    assert [path.name for path in data.iterdir()] == ["3m-qmix-a_pps-smoke-s1.tar.xz"]
    assert main(["collect", str(tmp_path / "runs" / "done"), f"data={data}"]) == 0
    assert "there already" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["runs"], "fedqmix collect needs data="),
        (["data=x"], "needs a run folder"),
        (["nowhere", "data=x"], "there is no folder nowhere"),
        (["data=x", "data=y", "z"], "set twice"),
    ],
)
def test_bad_words_are_refused(capfd: pytest.CaptureFixture[str], words: list[str], expected: str) -> None:
    assert main(["collect", *words]) == 2
    assert expected in capfd.readouterr().err


def test_a_collected_file_holds_three_files(tmp_path: Path) -> None:
    path, _ = collect(write_run(tmp_path / "run", WON), tmp_path / "data")
    assert tuple(Collected.read(path).files) == FILES == ("config.yaml", "summary.json", "metrics.jsonl")


def test_what_a_crash_left_in_a_folder_of_collected_runs_is_not_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = packed(tmp_path / "data")
    (path.parent / f".tmp-{path.name}").write_bytes(path.read_bytes()[:100])
    for words in (["report", str(path.parent), "episodes=0"], ["ladder", "--table", f"data={path.parent}"]):
        assert main([*words, f"out={tmp_path / 'out'}"]) == 0
        assert "damaged" not in capfd.readouterr().err
