"""The compose file in containers: the section "Docker compose" of docs/deployment.md, with a small run."""

import json
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.deployment.byte_book import read_ledger
from support.containers import Composed, engine, image
from support.handbook import ROOT, blocks

SMALL = "experiment=smoke stop.env_steps=100000 stop.rounds=4 strategy.aggregation_interval=30"
PATIENCE = 600.0
"""Seconds to wait for what ought to happen, on a slow machine."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Composed]:
    """The federation of docker-compose.yml, but for a shorter run, while it comes up; afterwards nothing is left."""
    found = engine()
    if found is None:
        pytest.skip("needs docker with its compose plugin, or podman and podman-compose, and the right to use them")
    assert main(["certs", "agents=3", f"out={tmp_path / 'certs'}"]) == 0
    base = ROOT / "docker-compose.yml"
    train = yaml.safe_load(base.read_text())["services"]["train"]["command"]
    shorter = tmp_path / "shorter.yml"
    shorter.write_text(yaml.safe_dump({"services": {"train": {"command": f"{train} {SMALL} run_dir=first"}}}))
    with image(found[0]) as name:
        project = Composed(*found, [base, shorter], tmp_path / "certs", name)
        try:
            project.compose("up", "-d")
            yield project
        finally:
            left = project.down()
        assert not left


def test_compose_up_trains_over_the_loss_of_a_container(up: Composed, tmp_path: Path) -> None:
    began = time.monotonic()
    _until(lambda: _rounds(up, "first") >= 1, up, "train", "superlink", "agent-1")
    print(f"first round after {time.monotonic() - began:.0f} s")
    before = up.state("agent-1", "Pid")
    up.kill("agent-1")
    assert _rounds(up, "first") < 4
    _until(lambda: up.state("train", "Running") == "false", up, "train", "superlink", "agent-1")
    print(f"ended after {time.monotonic() - began:.0f} s")
    assert up.state("train", "ExitCode") == "0", up.logs("train")
    assert up.state("agent-1", "Pid") not in (before, "0")
    assert "sent in 4 rounds" in up.logs("train")
    print(up.logs("train"))

    commands = [shlex.split(line) for line in blocks("Docker compose")[0]]
    (again,) = (words for words in commands if words[:3] == ["docker", "compose", "run"])
    up.compose("run", "-T", *again[3:], *SMALL.split(), "run_dir=second")

    up.direct("cp", f"{up.container('superlink')}:/runs", str(tmp_path / "runs"))
    for name, strategy in (("first", "a_pps"), ("second", "pp_pps")):
        _check(tmp_path / "runs" / name, strategy)


def _check(run: Path, strategy: str) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert summary["outcome"] == "finished"
    assert yaml.safe_load((run / "config.yaml").read_text())["strategy"]["name"] == strategy
    assert [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    lines = read_ledger(run)
    assert {line.round for line in lines} >= {1, 2, 3, 4}
    assert {line.party for line in lines} == {"agent-0", "agent-1", "agent-2", "world"}


def _rounds(up: Composed, run: str) -> int:
    return len(up.read("superlink", f"/runs/{run}/progress.jsonl").splitlines())


def _until(true: Callable[[], bool], up: Composed, *services: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        told = "\n".join(f"== {service}\n{up.logs(service)[-3000:]}" for service in services)
        assert time.monotonic() < deadline, f"waited for {PATIENCE:.0f} s\n{told}"
        time.sleep(2)
