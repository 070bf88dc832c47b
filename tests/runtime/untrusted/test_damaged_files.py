"""Every file of a run folder, damaged in every way: a sentence that names it, exit status 2, and nothing changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fedqmix.runtime.cli.main import EXIT_BAD_INPUT, main
from support import damages as d

CONFIG, METRICS, SUMMARY, RUN = "config.yaml", "metrics.jsonl", "summary.json", "run.json"
NEWEST = "checkpoints/newest"
"""Stands for the newest checkpoint's folder."""


class Case(NamedTuple):
    """A damaged file. report, resume: whether these commands refuse the run. told: what the error names besides it."""

    file: str
    name: str
    damage: d.Damage
    report: bool = True
    resume: bool = True
    told: str = ""


DOCUMENT = [
    ("folder", d.folder),
    ("pipe", d.fifo),
    ("unreadable", d.unreadable),
    ("endless", d.endless),
    ("huge", d.huge),
    ("not-utf8", d.holding(b"\xff\xfe\x00" * 9 + b"\n")),
    ("nested", d.holding("[" * d.NESTED + "]" * d.NESTED + "\n")),
    ("list", d.holding("[1, 2]\n")),
    ("text", d.holding('"text"\n')),
]
ROWS = [
    ("null", d.first_line("null")),
    ("text-row", d.first_line('"text"')),
    ("list-row", d.first_line("[1]")),
    ("nested-row", d.first_line("[" * d.NESTED)),
    ("words", d.first_line("env_step 3")),
    ("1e400", d.first_line('{"env_step": 1e400}')),
    ("long-number", d.first_line('{"env_step": ' + "9" * 5000 + "}")),
    ("nan", d.row_with(loss=float("nan"))),
    ("infinite", d.row_with(test_return_mean=float("inf"))),
    ("value-null", d.row_with(loss=None)),
    ("value-text", d.row_with(loss="0.5")),
    ("value-list", d.row_with(elapsed_s=[1.0])),
    ("no-env-step", d.row_with(env_step=...)),
    ("text-env-step", d.row_with(env_step="800")),
    ("half-env-step", d.row_with(env_step=800.5)),
    ("true-env-step", d.row_with(env_step=True)),
    ("negative-env-step", d.row_with(env_step=-5)),
    ("later-env-step", d.row_with(env_step=10**9)),
    ("no-win-rate", d.row_with(test_battle_won_mean=...)),
    ("impossible-win-rate", d.row_with(test_battle_won_mean=9.0)),
    ("control-characters", d.row_with(**{"\x1b[2J": 1.0})),
]
SETTINGS = [
    ("seed-abc", d.replacing("seed: 1", "seed: abc"), "seed"),
    ("seed-list", d.replacing("seed: 1", "seed: [1]"), "seed"),
    ("seed-null", d.replacing("seed: 1", "seed:"), "seed"),
    ("seed-negative", d.replacing("seed: 1", "seed: -1"), "seed"),
    ("seed-long", d.replacing("seed: 1", "seed: " + "9" * 5000), ""),
    ("no-seed", d.replacing("seed: 1\n", ""), "seed"),
    ("episodes-text", d.replacing("  episodes: 4\n", "  episodes: four\n"), "evaluation.episodes"),
    ("section-null", d.replacing("evaluation:\n", "evaluation:\nspare:\n"), ""),
    ("section-list", d.replacing("model:\n", "model: [1]\nspare:\n"), ""),
    ("not-yaml", d.replacing("model:\n", "model: [\n"), ""),
    ("unclosed", d.replacing("model:\n", 'model: "\n'), ""),
    ("twice", d.replacing("seed: 1\n", "seed: 1\nseed: 1\n"), ""),
    ("reference", d.replacing("map: 3m", "map: ${oc.env:HOME}"), ""),
    ("tag", d.replacing("map: 3m", "map: !!python/name:os.system"), ""),
    ("list-key", d.replacing("seed: 1\n", "seed: 1\n? [a, b]\n: 8\n"), ""),
    ("binary-zero", d.replacing("map: 3m", "map: 3\x00m"), ""),
    ("escape", d.replacing("map: 3m", 'map: "\\e[2J"'), ""),
]
UNFIT = [
    ("other-map", d.replacing("map: 3m", "map: 8m")),
    ("unknown-map", d.replacing("map: 3m", "map: 3m_or_so")),
    ("hidden", d.replacing("hidden: 16", "hidden: 100000000")),
    ("hidden-128", d.replacing("hidden: 16", "hidden: 128")),
    ("number-key", d.replacing("seed: 1\n", "seed: 1\n7: 8\n")),
    ("embed", d.replacing("mixing_embed: 32", "mixing_embed: 1000000000")),
    ("iql", d.replacing("name: qmix", "name: iql")),
    ("obs", d.replacing("obs_last_action: false", "obs_last_action: true")),
    ("state", d.replacing("state_last_action: true", "state_last_action: false")),
]
CASES = [
    *(Case(CONFIG, name, damage) for name, damage in [*DOCUMENT, ("bomb", d.yaml_bomb), ("empty", d.holding(""))]),
    *(Case(CONFIG, name, damage, told=told) for name, damage, told in SETTINGS if name != "section-null"),
    *(Case(CONFIG, name, damage, report=False) for name, damage in UNFIT),
    *(Case(METRICS, name, damage) for name, damage in [*DOCUMENT, *ROWS]),
    Case(METRICS, "half-written", lambda path: d.void(path.open("a").write('{"env_st')), report=False, resume=False),
    Case(
        METRICS,
        "zeros-after-the-checkpoint",
        lambda path: d.void(path.open("ab").write(bytes(64) + b"\n")),
        resume=False,
    ),
    Case(METRICS, "shortened", lambda path: d.void(path.write_bytes(b""))),
    Case(METRICS, "gone", lambda path: path.unlink()),
    *(
        Case(SUMMARY, name, damage, resume=name in ("folder", "pipe", "unreadable", "endless"))
        for name, damage in DOCUMENT
    ),
    Case(SUMMARY, "versions", d.replacing('"versions": {', '"versions": 3, "spare": {'), resume=False),
    Case(SUMMARY, "outcome", d.replacing('"outcome": "finished"', '"outcome": ["finished"]'), resume=False),
    Case(SUMMARY, "escape", d.replacing('"outcome": "finished"', '"outcome": "\\u001b[2J"'), resume=False),
    Case(SUMMARY, "gone", lambda path: path.unlink(), report=False, resume=False),
    *(Case(RUN, name, damage, report=name in ("folder", "pipe", "unreadable", "endless")) for name, damage in DOCUMENT),
    *(
        Case(
            "ledger.json",
            name,
            lambda path, damage=damage: (path.write_text("[]"), damage(path)),
            resume=name in ("folder", "pipe", "unreadable", "endless"),
        )
        for name, damage in DOCUMENT
        if name != "list"
    ),
    *(Case(f"{NEWEST}/manifest.json", name, damage, report=False) for name, damage in DOCUMENT),
    Case(f"{NEWEST}/manifest.json", "sealed-nested", d.sealed(lambda body: "[" * d.NESTED), report=False),
    Case(
        f"{NEWEST}/manifest.json",
        "sealed-format",
        d.sealed(lambda body: body.replace('"format": 1', '"format": [1]')),
        report=False,
    ),
    Case(
        f"{NEWEST}/manifest.json",
        "sealed-size",
        d.sealed(lambda body: body.replace('"size": ', '"size": -', 1)),
        report=False,
    ),
    Case(
        f"{NEWEST}/manifest.json",
        "sealed-groups",
        d.sealed(lambda body: body.replace('"groups": {', '"groups": 1, "spare": {')),
        report=False,
    ),
    Case(
        f"{NEWEST}/manifest.json",
        "sealed-outside",
        d.sealed(lambda body: body.replace('"name": "agents', '"name": "../../../agents')),
        report=False,
    ),
    *(Case(f"{NEWEST}/agents.safetensors", name, damage, report=False) for name, damage in DOCUMENT),
    Case(f"{NEWEST}/agents.safetensors", "not-finite", d.tensors_with(d.not_finite), report=False, told="resume="),
    Case(f"{NEWEST}/mixer.safetensors", "not-finite", d.tensors_with(d.not_finite), report=False, told="resume="),
    Case(f"{NEWEST}/aggregate.safetensors", "not-finite", d.tensors_with(d.not_finite), report=False, told="resume="),
    Case(
        f"{NEWEST}/agents.safetensors",
        "lacking",
        d.tensors_with(d.without("online.fc.bias")),
        report=False,
        told="online.fc.bias",
    ),
    Case(
        f"{NEWEST}/agents.safetensors",
        "lacking-moment",
        d.tensors_with(d.without("adam.exp_avg.fc.bias")),
        report=False,
        told="adam.exp_avg.fc.bias",
    ),
    Case(
        f"{NEWEST}/agents.safetensors",
        "lacking-counters",
        d.tensors_with(d.without("counters")),
        report=False,
        told="counters",
    ),
    Case(
        f"{NEWEST}/agents.safetensors",
        "narrow",
        d.tensors_with(d.narrower("online.fc.weight")),
        report=False,
        told="online.fc.weight",
    ),
    Case(
        f"{NEWEST}/agents.safetensors",
        "narrow-moment",
        d.tensors_with(d.narrower("adam.exp_avg.fc.weight")),
        report=False,
        told="adam.exp_avg.fc.weight",
    ),
    Case(
        f"{NEWEST}/mixer.safetensors",
        "lacking",
        d.tensors_with(d.without("train_steps")),
        report=False,
        told="train_steps",
    ),
    Case(
        f"{NEWEST}/mixer.safetensors",
        "narrow",
        d.tensors_with(d.narrower("mixer.bias_1.weight")),
        report=False,
        told="mixer.bias_1.weight",
    ),
    Case(
        f"{NEWEST}/aggregate.safetensors", "lacking", d.tensors_with(d.without("fc.bias")), report=False, told="fc.bias"
    ),
    Case(
        f"{NEWEST}/aggregate.safetensors",
        "narrow",
        d.tensors_with(d.narrower("fc.weight")),
        report=False,
        told="fc.weight",
    ),
    Case(f"{NEWEST}/facts.json", "nested", d.facts_with("[" * d.NESTED), report=False),
    Case(f"{NEWEST}/facts.json", "list", d.facts_with("[]"), report=False),
    Case(f"{NEWEST}/facts.json", "lacking", d.facts_with("{}"), report=False),
    Case(f"{NEWEST}/facts.json", "unknown", d.facts_with('{"colour": 3}'), report=False),
    Case(f"{NEWEST}/facts.json", "text", d.facts_with('{"round": "7", "metrics_position": null}'), report=False),
    *(
        Case(
            "evaluation.json",
            name,
            lambda path, damage=damage: (path.write_text("{}"), damage(path)),
            report=False,
            resume=False,
        )
        for name, damage in DOCUMENT
    ),
]


def damaged(run: Path, case: Case) -> Path:
    newest = max((run / "checkpoints").glob("round-*"))
    file = run / case.file.replace(NEWEST, f"checkpoints/{newest.name}")
    case.damage(file)
    return file


def names(cases: Sequence[Case]) -> list[str]:
    return [f"{Path(case.file).name}-{case.name}" for case in cases]


def going_on(cases: Sequence[Case]) -> list[Any]:
    """Return the cases in which a command succeeds, of each file but config.yaml only the first in `make test`.

    A command that succeeds does not need the damaged file. If it read the file, it would refuse the first damage too.
    """
    first = {case.file: name for case, name in reversed(list(zip(cases, names(cases), strict=True)))}
    return [
        pytest.param(case, id=name, marks=[] if case.file == CONFIG or name == first[case.file] else pytest.mark.slow)
        for case, name in zip(cases, names(cases), strict=True)
    ]


def refused(words: list[str], place: Path, file: Path, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = d.content(place)
    status = main(words)
    shown = capsys.readouterr()
    assert status == EXIT_BAD_INPUT, shown.err
    assert "Traceback" not in shown.err + shown.out
    sentence = shown.err.removeprefix("error: ")
    assert str(file) in sentence
    assert told in sentence
    assert sentence.count("\n") == 1, sentence  # one line, however long the file's content
    assert len(sentence) < 2000, sentence
    assert d.content(place) == before


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.resume], ids=names([case for case in CASES if case.resume])
)
def test_resume_refuses(case: Case, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = damaged(run, case)
    refused(["train", f"resume='{run}'", "stop.env_steps=1500"], run.parent, file, case.told, capsys)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.report], ids=names([case for case in CASES if case.report])
)
def test_report_refuses(case: Case, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = damaged(run, case)
    refused(["report", str(run), "episodes=1"], run.parent, file, case.told, capsys)


@pytest.mark.parametrize("case", going_on([case for case in CASES if not case.resume]))
def test_resume_goes_on(case: Case, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged(run, case)
    assert main(["train", f"resume='{run}'", "stop.env_steps=1100"]) == 0, capsys.readouterr().err
    assert json.loads((run / SUMMARY).read_bytes())["outcome"] == "finished"


@pytest.mark.parametrize("case", going_on([case for case in CASES if not case.report]))
def test_report_goes_on(case: Case, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged(run, case)
    assert main(["report", str(run), "episodes=1"]) == 0, capsys.readouterr().err
