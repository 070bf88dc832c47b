"""`fedqmix bench learners`: every learner gets the same episodes, and what is said when something is missing.

The peers' projects are played by the files in tests/support/peers/; the script that calls them is the real one.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from fedqmix.analysis.benchmarks import learners
from fedqmix.analysis.benchmarks.episodes import RandomEpisodes, StoredEpisodes
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import FedqmixError
from fedqmix.runtime.storage.reading import load as load_checkpoint
from fedqmix.runtime.storage.reading import locate
from support.paths import TESTS

STAND_INS = TESTS / "support" / "peers"
sys.path.append(str(STAND_INS))
from telling import digest  # noqa: E402

PATHS = [f"ppsqmix_path={STAND_INS}/ppsqmix", f"epymarl_path={STAND_INS}/epymarl"]


def digests(episodes):
    """What each episode holds, as the stand-ins tell it."""
    told = []
    for number, length in enumerate(episodes.lengths.tolist()):
        private = {name: column[:, :, number].transpose(0, 1) for name, column in episodes.private.items()}
        team = {name: column[:, number] for name, column in episodes.team.items()}
        told.append(
            digest(
                private["observations"][: length + 1],
                private["available_actions"][: length + 1],
                private["actions"][:length],
                team["state"][: length + 1],
                team["team_reward"][:length],
                team["terminated"][:length],
            )
        )
    return told


def told(text, who):
    return [json.loads(line.removeprefix(who + " ")) for line in text.splitlines() if line.startswith(who + " ")]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three marines with some episodes in its newest checkpoint."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "experiment=smoke", "stop.env_steps=400", f"run_dir={folder}"]) == 0
    return folder


def test_every_learner_trains_on_the_same_random_episodes(capfd):
    words = ["maps=3m", "steps=6", "lengths=mixed", "batch=3", "rounds=2", "repeats=2", "runtime.threads=1"]
    assert main(["bench", "learners", *words, *PATHS, "model.hidden=8"]) == 0
    printed = capfd.readouterr()
    figures = json.loads(printed.out)
    assert figures["peers"].keys() == set(learners.PEERS["qmix"])
    figure = figures["train_step"]["3m"]
    assert {name: figure[name]["parameters"] for name in learners.PEERS["qmix"]} == {
        "ppsqmix": 7,
        "epymarl_ns": 5,
        "epymarl": 5,
    }
    assert figure["ours"].keys() == {"ms", "floor_ms", "times_floor", "parameters"}
    assert {len(by_round) for by_round in figure["ms_by_round"].values()} == {2}
    stored = digests(RandomEpisodes("3m", compose([]), "mixed", 6).draw(6))
    steps = {name: told(printed.err, f"{name}-step") for name in learners.PEERS["qmix"]}
    for name in learners.PEERS["qmix"]:
        assert told(printed.err, name) == [{"hidden": 8, "threads": 1}]
        assert len(steps[name]) == 3 + 2 * 2  # those before the rounds too
        for step, first in zip(steps[name], steps["ppsqmix"], strict=True):
            assert step == [pytest.approx(row) for row in first]  # the same ones in every step
            for row in step:
                assert any(row == pytest.approx(one) for one in stored)
    assert len({json.dumps(sorted(step)) for step in steps["ppsqmix"]}) > 1  # but not in all steps


@pytest.mark.slow
def test_every_learner_trains_on_the_same_stored_episodes(run, capfd):
    assert main(["bench", "learners", f"run={run}", "batch=2", "rounds=1", *PATHS]) == 0
    printed = capfd.readouterr()
    figures = json.loads(printed.out)
    assert figures["run"] == str(run)
    assert figures["train_step"].keys() == {"3m"}
    stored = digests(StoredEpisodes(run).draw(4))
    for name in learners.PEERS["qmix"]:
        for step in told(printed.err, f"{name}-step"):
            assert all(any(row == pytest.approx(one) for one in stored) for row in step)


def test_stored_episodes_are_those_of_the_newest_checkpoint(run):
    source = StoredEpisodes(run)
    checkpoint = load_checkpoint(locate(run))
    held = checkpoint.rings["private"].added
    episodes = source.draw(held)
    assert len(episodes.lengths) == held
    assert len({json.dumps(one) for one in digests(episodes)}) == held  # each once
    segments = {
        name: [dict(_segment(checkpoint.path, entry.file.name)) for entry in checkpoint.rings[name].segments]
        for name in ("private", "team")
    }
    lengths = np.concatenate([segment["lengths"].numpy() for segment in segments["private"]])
    assert sorted(episodes.lengths.tolist()) == sorted(lengths.tolist())
    for name, columns in (("private", episodes.private), ("team", episodes.team)):
        for field, column in columns.items():
            in_all = sum(float(segment[field].double().sum()) for segment in segments[name])
            assert float(column.double().sum()) == pytest.approx(in_all)


def _segment(checkpoint, name):
    import safetensors.torch

    return safetensors.torch.load_file(checkpoint.parent / "episodes" / name)


def test_our_learner_trains_on_a_runs_episodes(run, capfd):
    assert main(["bench", "learner", f"run={run}", "batches=2,3", "repeats=1"]) == 0
    figures = json.loads(capfd.readouterr().out)
    assert figures["train_step"]["3m"].keys() == {"2", "3"}
    assert 1 <= figures["train_step"]["3m"]["3"]["mean_length"] <= 60


def test_the_length_of_random_episodes_is_given_for_each_map(capfd):
    words = ["maps=3m,2s3z", "steps=3,5", "lengths=full", "batches=2", "repeats=1"]
    assert main(["bench", "learner", *words]) == 0
    figures = json.loads(capfd.readouterr().out)["train_step"]
    assert {map: figures[map]["2"]["mean_length"] for map in figures} == {"3m": 3, "2s3z": 5}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["learner", "maps=3m,8m", "steps=1,2,3"], "3 lengths for 2 maps (3m, 8m)"),
        (["learner", "maps=3m", "steps=61"], "3m has 60 environment steps at most"),
        (["learner", "maps=3m", "steps=0"], "above 0"),
        (["learner", "run=nowhere"], "'nowhere' is not a run folder"),
        (["learner", "run=nowhere", "maps=3m", "steps=4"], "leave maps=, steps= out"),
        (["learners", "peers=ppsqmix,epimarl"], "did you mean 'epymarl'"),
        (["learners", "peers=ppsqmix"], "ColaZhang22/PPS-QMIX on GitHub, ppsqmix_path=PATH"),
        (["learners", "peers=epymarl", "epymarl_path=/"], "no src/learners at epymarl_path=/"),
        (["learners", *PATHS, "peer_python=/no/python"], "peer_python=/no/python cannot be run"),
        (["learners", *PATHS, "algorithm=vdn"], "the peers have qmix, qplex"),
    ],
)
def test_what_is_missing_or_impossible_is_named(capfd, words, expected):
    assert main(["bench", *words]) == 2
    message = capfd.readouterr().err
    assert expected in message
    assert "Traceback" not in message


def test_a_run_with_too_few_episodes_is_refused(run, capfd):
    assert main(["bench", "learner", f"run={run}", "batches=4000"]) == 2
    assert "8000 are needed" in capfd.readouterr().err


@pytest.mark.slow
def test_a_peer_that_cannot_be_imported_is_named(capfd, tmp_path):
    (tmp_path / "pfqmix_smac.py").write_text("import something_that_nobody_has")
    assert main(["bench", "learners", "peers=ppsqmix", f"ppsqmix_path={tmp_path}"]) == 2
    message = capfd.readouterr().err
    assert "something_that_nobody_has" in message
    assert "ppsqmix cannot be imported" in message


ANOTHER = """
import json, sys
print(json.dumps({"torch": "1"}), flush=True)
for line in sys.stdin:
    print(json.dumps({"transitions": 8, "rewards": 0.5, "parameters": 1}), flush=True)
"""


def test_a_peer_that_holds_other_episodes_is_refused(tmp_path, monkeypatch):
    (tmp_path / "peer_learner.py").write_text(ANOTHER)
    monkeypatch.setattr(learners, "__file__", str(tmp_path / "learners.py"))
    source = RandomEpisodes("3m", compose([]), "full", 2)
    paths = {"ppsqmix": str(STAND_INS / "ppsqmix")}
    with pytest.raises(FedqmixError, match="holds 8 transitions"):
        learners.measure(compose([]), [source], ["ppsqmix"], paths, sys.executable, batch=2, rounds=1, repeats=1)
