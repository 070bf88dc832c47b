"""Runs of other programs, in the files that EPyMARL (through Sacred's FileStorageObserver) and marl-eval have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedqmix.analysis.reports.peers import read_marl_eval, read_sacred, sacred_folders
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.core.world import Score
from fedqmix.runtime.runs.reporting.reading import read_all, read_run
from fedqmix.server.records import read_rows
from fedqmix.server.records.scores import WON
from support.run_folders import EPYMARL_METRICS, rows, write_run, write_sacred

NUMPY = {"py/object": "numpy.float64", "dtype": "float64", "value": 0.75}


def test_sacreds_metrics(tmp_path):
    run = read_sacred(write_sacred(tmp_path / "qmix" / "3m" / "1", metrics=EPYMARL_METRICS, info={}))
    assert (run.family, run.map, run.seed, run.world) == ("EPyMARL qmix", "3m", 5, "smac")
    assert run.episodes == 30  # three times ten side by side
    assert [row["env_step"] for row in run.rows] == [0, 10000, 20000]
    assert run.column(WON).tolist() == [0, 0.25, 0.75]
    assert run.column("elapsed_s").tolist() == [0, 60, 150]
    assert run.rows[-1]["test_return_mean"] == 17


def test_sacreds_info(tmp_path):
    """Where metrics.json is empty, as after a run that was killed: EPyMARL keeps the same in info.json."""
    info = {WON: [0.5, NUMPY], f"{WON}_T": [5, 10]}
    run = read_sacred(write_sacred(tmp_path / "1", metrics={}, info=info))
    assert run.column("env_step").tolist() == [5, 10]
    assert run.column(WON).tolist() == [0.5, 0.75]
    assert not run.has("elapsed_s")


def test_sacred_folders_are_found(tmp_path):
    made = [write_sacred(tmp_path / "sacred" / "qmix" / "3m" / str(k), metrics=EPYMARL_METRICS) for k in (1, 2)]
    (tmp_path / "sacred" / "qmix" / "3m" / "_sources").mkdir()
    assert sacred_folders(tmp_path) == made
    assert [run.label for run in read_all([tmp_path])] == [str(folder) for folder in made]


def test_what_epymarl_did_not_write_is_refused(tmp_path):
    folder = write_sacred(tmp_path / "1", config={"name": "qmix"}, metrics=EPYMARL_METRICS)
    with pytest.raises(ConfigurationError, match="is not what EPyMARL writes"):
        read_sacred(folder)


def test_our_own_marl_eval_file_reads_as_our_run(tmp_path):
    folder = write_run(tmp_path / "run", [0.0, 0.5, 0.25], "seed=4")
    (peer,) = read_marl_eval(folder / "marl_eval.json")
    ours = read_run(folder)
    assert (peer.world, peer.map, peer.seed) == (ours.world, ours.map, ours.seed)
    assert peer.family == "marl-eval qmix-a_pps"
    for key in ("env_step", "elapsed_s", WON, "test_return_mean", "test_ep_length_mean"):
        assert peer.column(key).tolist() == ours.column(key).tolist()


def test_marl_eval_with_a_value_an_episode(tmp_path):
    step = {"step_count": 100, "elapsed_time": 3, "win_rate": [1.0, 0.0, 1.0, 1.0], "return": [20, 5, 20, 20]}
    seeds = {"seed_1": {"step_0": step, "step_10": {**step, "step_count": 300}, "step_2": {**step, "step_count": 200}}}
    file = tmp_path / "raw.json"
    file.write_text(json.dumps({"smax": {"3m": {"vdn": seeds}}}))
    (run,) = read_marl_eval(file)
    assert run.episodes == 4
    assert run.column("env_step").tolist() == [100, 200, 300]
    assert run.column(WON).tolist() == [0.75] * 3
    file.write_text(json.dumps({"smax": {"3m": {"vdn": {"seed_1": {"step_0": {"step_count": 1}}}}}}))
    with pytest.raises(ConfigurationError, match="is not in marl-eval's schema"):
        read_marl_eval(file)


def test_other_programs_runs_without_wins_have_the_return_as_their_score(tmp_path):
    """EPyMARL logs no test_battle_won_mean in such worlds, and times its rows by the return."""
    metrics = {
        "test_return_mean": {**EPYMARL_METRICS["test_return_mean"], "timestamps": EPYMARL_METRICS[WON]["timestamps"]},
        "test_return_std": {**EPYMARL_METRICS["test_return_mean"], "values": [3.0, 2.0, 1.0]},
    }
    run = read_sacred(write_sacred(tmp_path / "sacred" / "1", metrics=metrics))
    assert (run.score, run.logged("final"), run.logged("best")) == (Score.RETURN, 17.0, 17.0)
    assert run.column("elapsed_s").tolist() == [0, 60, 150]
    assert run.column("test_return_std").tolist() == [3, 2, 1]
    step = {"step_count": 100, "elapsed_time": 3, "return": [-20, -5]}
    file = tmp_path / "raw.json"
    file.write_text(json.dumps({"lbf": {"grid": {"vdn": {"seed_1": {"step_0": step}}}}}))
    (run,) = read_marl_eval(file)
    assert (run.score, run.logged("final")) == (Score.RETURN, -12.5)
    mixed = {"step_0": step, "step_1": {**step, "win_rate": [0.5]}}
    file.write_text(json.dumps({"lbf": {"grid": {"vdn": {"seed_1": mixed}}}}))
    with pytest.raises(ConfigurationError, match="win_rate"):
        read_marl_eval(file)


def test_folders_of_runs(tmp_path):
    """A run, several seeds in one folder, a sweep beside it: each run once, however it was named."""
    for place in ("one", "seeds/seed-1", "seeds/seed-2"):
        write_run(tmp_path / place, [0.5], f"seed={len(place)}")
    found = read_all([tmp_path, tmp_path / "one", tmp_path / "seeds"])
    assert [Path(run.label).relative_to(tmp_path).as_posix() for run in found] == [
        "one",
        "seeds/seed-1",
        "seeds/seed-2",
    ]
    with pytest.raises(CheckpointError, match="there is no folder"):
        read_all([tmp_path / "nowhere"])


def test_a_run_folder_as_it_is(tmp_path):
    folder = write_run(tmp_path / "run", [0.0, 0.5], "strategy=pp_pps", "env.reward_win=100", game="1.2.3")
    run = read_run(folder)
    assert list(run.rows) == read_rows(folder / "metrics.jsonl")
    assert [row[WON] for row in run.rows] == [row[WON] for row in rows([0.0, 0.5])]
    assert (run.family, run.game, run.episodes, run.every_env_steps) == ("qmix-pp_pps", "1.2.3", 8, 500)
    assert run.world_settings["env.reward_win"] == 100
    assert not {"env.games", "env.replay_dir"} & set(run.world_settings)
    assert run.settings["strategy.shared"] == ["head.*"]
    assert not any(name.startswith(("stop.", "run_dir", "seed", "env.")) for name in run.settings)
    assert run.outcome == "finished"


def test_a_run_of_an_older_version(tmp_path):
    """It lacks a setting that this version has, and its game's version: it is read all the same."""
    folder = write_run(tmp_path / "run", [0.5])
    config = folder / "config.yaml"
    config.write_text("".join(line for line in config.open() if "call_seconds" not in line and "randomise" not in line))
    run = read_run(folder)
    assert run.game is None
    assert run.world_settings["env.randomise"] == "nothing"  # which is what it did
    (folder / "summary.json").unlink()
    assert read_run(folder).outcome == "no end yet"
