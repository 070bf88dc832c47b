"""`fedqmix report` on real runs: networks played again, and files written."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from fedqmix.analysis.reports.runs import BEST, FINAL
from fedqmix.networks.gru import PARAMETER_NAMES
from fedqmix.runtime.cli.main import EXIT_BAD_INPUT, main
from fedqmix.runtime.runs.local.trained import networks
from fedqmix.runtime.runs.reporting.playing_again import EVALUATION, play_again
from fedqmix.runtime.runs.reporting.reading import read_run
from fedqmix.runtime.storage.checkpoint import CheckpointStore
from fedqmix.server.records.scores import WON
from support.run_folders import EPYMARL, write_run, write_sacred


@pytest.mark.parametrize("what", ["network", "world"])
def test_a_report_imports_no_code_that_a_run_names(trained: Path, tmp_path: Path, what: str) -> None:
    run, mark, code = tmp_path / "run", tmp_path / "imported", tmp_path / "theirs.py"
    shutil.copytree(trained / "rs_pps", run)
    (run / EVALUATION).unlink(missing_ok=True)
    code.write_text(f"open({str(mark)!r}, 'w').close()\nclass Theirs: pass\n")
    settings = yaml.safe_load((run / "config.yaml").read_text())
    own = {"name": "own", "code": f"{code}:Theirs"}
    if what == "network":
        settings["model"] |= own
    else:
        sizes = {"n_agents": 3, "n_actions": 9, "obs_dim": 30, "state_dim": 48, "episode_limit": 60}
        settings["env"] = own | sizes | {"score": "win_rate"}
    (run / "config.yaml").write_text(yaml.safe_dump(settings))
    again = play_again(read_run(run), 4, lambda count: None)
    assert set(again.not_replayed) == {FINAL, BEST}
    assert all(f"its {what} is code of a user's" in reason for reason in again.not_replayed.values())
    assert not mark.exists()


def test_the_networks_of_a_checkpoint_are_those_that_trained(trained: Path) -> None:
    """In the battles of the last evaluation in training they win and earn what was logged, to the bit."""
    for strategy in ("rs_pps", "pp_pps"):
        run = read_run(trained / strategy)
        last = len(run.rows) - 1
        again = play_again(run, 4, lambda count: None, first_episode=4 * last)
        assert again.not_replayed == {}
        assert again.replayed[FINAL].win_rate == run.logged(FINAL)
        assert again.replayed[FINAL].mean_return == run.rows[-1]["test_return_mean"]
        assert again.replayed[FINAL].round == run.rows[-1]["round"]
        best = max(range(last + 1), key=lambda k: (run.rows[k][WON], run.rows[k]["test_return_mean"], -k))
        again = play_again(run, 4, lambda count: None, first_episode=4 * best)
        assert again.replayed[BEST].win_rate == run.logged(BEST)
        assert again.replayed[BEST].mean_return == run.rows[best]["test_return_mean"]


def test_the_aggregate_goes_over_what_the_agents_held() -> None:
    """Between two evaluations a checkpoint has the agents as they came from training, and the aggregate apart."""
    own = {f"online.{name}": torch.zeros(3, 2) for name in PARAMETER_NAMES} | {"target.fc.bias": torch.ones(3, 2)}
    found = networks({"agents": own, "aggregate": {"head.weight": torch.tensor([1.0, 2.0])}}, 3, PARAMETER_NAMES)
    assert list(found) == list(PARAMETER_NAMES)
    assert found["head.weight"].tolist() == [[1, 2]] * 3
    assert not found["fc.weight"].any()


def test_what_was_played_again_is_kept_and_says_of_what(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "rs_pps", tmp_path / "run")
    run = read_run(tmp_path / "run")
    first = play_again(run, 3, lambda count: None)
    file = tmp_path / "run" / EVALUATION
    kept = json.loads(file.read_text())
    assert kept["best"]["result"]["checkpoint"] == "checkpoints/best"
    assert kept["final"]["result"]["checkpoint"].startswith("checkpoints/round-")
    kept["best"]["result"]["won"] = 2  # what is kept is used ...
    file.write_text(json.dumps(kept))
    assert play_again(run, 3, lambda count: None).replayed[BEST].won == 2
    assert play_again(run, 2, lambda count: None).replayed[BEST].episodes == 2  # ... for as many episodes
    newest = tmp_path / "run" / kept["final"]["result"]["checkpoint"]
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "best")
    shutil.copytree(newest, tmp_path / "run" / "checkpoints" / "best")  # ... and of that checkpoint
    changed = play_again(run, 3, lambda count: None).replayed
    assert changed[BEST].won == changed[FINAL].won == first.replayed[FINAL].won
    assert changed[BEST].round == first.replayed[FINAL].round
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    gone = play_again(run, 3, lambda count: None)
    assert gone.replayed == {}
    assert gone.not_replayed == {FINAL: "checkpoint is gone", BEST: "checkpoint is gone"}


def test_networks_are_not_judged_by_another_game(trained: Path) -> None:
    again = play_again(replace(read_run(trained / "pp_pps"), game="StarCraft II 4.6.2"), 5, lambda count: None)
    assert again.replayed == {}
    assert "trained in StarCraft II 4.6.2, and here is skirmish" in again.not_replayed[FINAL]


def test_a_damaged_checkpoint_is_told(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "rs_pps", tmp_path / "run")
    with (tmp_path / "run" / "checkpoints" / "best" / "agents.safetensors").open("r+b") as file:
        file.seek(200)
        file.write(b"\xff\xff\xff")
    again = play_again(read_run(tmp_path / "run"), 2, lambda count: None)
    assert "is damaged" in again.not_replayed[BEST]
    assert FINAL in again.replayed


def test_weights_and_distances_are_drawn_where_there_are_some(reported: Path) -> None:
    page = (reported / "report.html").read_text()
    distances = re.search(r'<figure id="figure-distances">.*?</figure>', page, re.DOTALL)
    assert distances is not None
    named = set(re.findall(r">((?:fc|gru|head)\.\w+)<", distances[0]))
    assert {"head.weight", "head.bias", "gru.weight_hh", "fc.bias"} <= named
    assert "://" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)
    assert sorted(path.name for path in reported.iterdir() if path.suffix == ".svg") == [
        f"{name}.svg" for name in ("bytes", "curves", "distances", "returns", "seconds", "weights")
    ]


def test_distances_are_told_of_what_is_shared(trained: Path) -> None:
    for strategy, first in (("rs_pps", "fc.weight"), ("pp_pps", "head.weight")):
        rows = read_run(trained / strategy).rows
        told = [[name for name in row if name.startswith("fed/distance/")] for row in rows]
        assert all(names[0] == f"fed/distance/{first}" for names in told)
        assert [len(names) for names in told] == [8 if strategy == "rs_pps" else 2] * len(rows)
        assert all(0 < row[f"fed/distance/{first}"] < 10 for row in rows)


def test_peers_stand_in_the_same_panel(tmp_path: Path) -> None:
    write_run(tmp_path / "ours", [0.25, 0.5], "env=smac", "map=3m")
    write_sacred(tmp_path / "sacred" / "qmix" / "3m" / "1", {**EPYMARL, "test_nepisode": 8, "batch_size_run": 1})
    words = [str(tmp_path / "ours"), str(tmp_path / "sacred"), f"out={tmp_path / 'out'}", "episodes=0"]
    assert main(["report", *words]) == 0
    curves = (tmp_path / "out" / "curves.svg").read_text()
    assert curves.count(">3m, qmix<") == 1
    assert {">a_pps<", ">EPyMARL qmix<"} <= set(re.findall(r">[^<>\n]+<", curves))
    assert "| 3m | EPyMARL qmix | 1 | 0.750 | 0.750 | - | - |" in (tmp_path / "out" / "report.md").read_text()


def test_made_up_seeds_show_their_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two methods with five seeds each: interval, baseline, first reaching; without playing anything again."""
    for seed in range(1, 6):
        write_run(tmp_path / f"none-{seed}", [0.0, 0.125 * seed], "strategy=none", f"seed={seed}")
        write_run(tmp_path / f"ours-{seed}", [0.5, 0.5 + 0.1 * seed], f"seed={seed}")
    assert main(["report", str(tmp_path), "episodes=0"]) == 0
    shown = capsys.readouterr().out
    assert f"report: {tmp_path}/report/report.html" in shown.replace("\n", "")
    assert shown.count("finished") == 10  # a line a run
    assert len(shown.splitlines()) < 40
    text = (tmp_path / "report" / "report.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| 3m | qmix-a_pps | 5 "))
    assert "| 0.800 [" in row  # of .6 .7 .8 .9 1
    assert "as logged in training" in text
    assert "No networks were played again" in text
    # .6 beats .125 .25 .375 .5, .7 and .8 and .9 and 1 all: 4 + 5 + 5 + 5 + 5 of 25, .625 being above .6 alone
    assert "0.96 [" in row
    efficiency = next(line for line in text.splitlines() if line.startswith("| 3m | qmix-none | 0."))
    assert "| not | 2 of 5 | not | 0 of 5 |" in efficiency
    assert "curves.svg" in {path.name for path in (tmp_path / "report").iterdir()}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "needs a run folder"),
        (["nowhere"], "there is no folder nowhere"),
        (["episode=3"], "did you mean 'episodes='"),
        (["x", "episodes=many"], "a whole number is needed"),
    ],
)
def test_mistakes_are_told(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *words]) == EXIT_BAD_INPUT
    assert told in " ".join(capsys.readouterr().err.split())


def test_worlds_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "a", [0.5])
    write_run(tmp_path / "b", [0.5], "env=smac", "seed=2")
    assert main(["report", str(tmp_path / "a"), str(tmp_path / "b"), f"out={tmp_path / 'out'}"]) == EXIT_BAD_INPUT
    told = " ".join(capsys.readouterr().err.split())
    assert f"they differ in world: skirmish in {tmp_path / 'a'}; smac in {tmp_path / 'b'}" in told
    assert not (tmp_path / "out").exists()


def test_before_the_first_evaluation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is known is printed; a run with evaluations beside it is reported, and the other named."""
    write_run(tmp_path / "young", [])
    assert main(["report", str(tmp_path / "young")]) == 0
    out = capsys.readouterr().out
    assert "no evaluation yet" in out
    assert "no report is written" in out
    assert not (tmp_path / "young" / "report").exists()
    write_run(tmp_path / "older", [0.5], "seed=2")
    assert main(["report", str(tmp_path), "episodes=0"]) == 0
    text = (tmp_path / "report" / "report.md").read_text()
    assert f"{tmp_path / 'young'} has finished no evaluation and is left out." in text
    assert "1 run in the world" in text


@pytest.mark.slow
def test_a_federations_bytes_are_listed_and_its_personal_layers_missed(trained: Path, tmp_path: Path) -> None:
    """What a deployment leaves: the server's checkpoint has the shared parameters only."""
    for strategy in ("rs_pps", "pp_pps"):
        folder = tmp_path / strategy
        shutil.copytree(trained / strategy, folder)
        newest = CheckpointStore.load(CheckpointStore.locate(folder))
        shutil.rmtree(folder / "checkpoints")
        store = CheckpointStore(folder / "checkpoints", 1, newest.run_id)
        store.save(newest.round, {"aggregate": newest.tensors["aggregate"]}, newest.facts, {})
        line = {"round": 1, "party": "agent-0", "channel": "flower", "bytes_in": 2_000_000, "bytes_out": 500_000}
        (folder / "ledger.json").write_text(json.dumps([line, {**line, "party": "agent-1"}]))
    assert main(["report", str(tmp_path), "episodes=2"]) == 0
    text = (tmp_path / "report" / "report.md").read_text()
    assert f"| {tmp_path / 'pp_pps'} | 5.000 |" in text
    personal = next(line for line in text.splitlines() if line.startswith(f"| {tmp_path / 'pp_pps'} | 3m"))
    assert "cannot be played: fc.weight, fc.bias, gru.weight_ih" in personal
    shared = next(line for line in text.splitlines() if line.startswith(f"| {tmp_path / 'rs_pps'} | 3m"))
    assert "cannot be played" not in shared
    assert "checkpoint is gone" in shared  # of the best evaluation
    assert "Final win rate: as logged in training" in text
