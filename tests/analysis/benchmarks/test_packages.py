"""`fedqmix bench packages`: a suite and the package whose rules it has, asked in turn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedqmix.analysis.benchmarks import packages
from fedqmix.runtime.cli.main import main

STAND_IN = """
import json, sys
print(json.dumps({"maps": ["Foraging-8x8-2p-3f-v3", "elsewhere"], "version": sys.argv[1]}), flush=True)
for line in sys.stdin:
    print("asked", line.strip(), file=sys.stderr, flush=True)
    print(json.dumps({"rate": 50.0}), flush=True)
"""
SHORT = ("bench", "packages", "env=lbf", "rounds=2", "seconds=0.02", "threads=1")


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process that answers by rote play the package."""
    (tmp_path / "peer_package.py").write_text(STAND_IN)
    monkeypatch.setattr(packages, "__file__", str(tmp_path / "packages.py"))


@pytest.mark.usefixtures("stand_in")
def test_both_are_measured_in_turn_and_compared(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "maps=Foraging-8x8-2p-3f-v3,Foraging-8x8-3p-3f-v3"]) == 0
    printed = capfd.readouterr()
    figures = json.loads(printed.out)
    assert set(figures["env_steps_per_second"]) == {"Foraging-8x8-2p-3f-v3"}
    figure = figures["env_steps_per_second"]["Foraging-8x8-2p-3f-v3"]
    assert figure["package"] == 50.0
    assert figure["times"] == pytest.approx(figure["ours"] / 50, abs=0.06)
    assert figures["package"] == {"name": "lbforaging", "version": "lbforaging"}
    asked = [json.loads(line.removeprefix("asked ")) for line in printed.err.splitlines() if line.startswith("asked")]
    assert asked == [{"map": "Foraging-8x8-2p-3f-v3", "seconds": 0.02}] * 2


@pytest.mark.usefixtures("stand_in")
def test_no_shared_task_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "maps=Foraging-8x8-3p-3f-v3"]) != 0
    assert "lbforaging has none of the maps Foraging-8x8-3p-3f-v3" in capfd.readouterr().err


def test_mistakes_are_named(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["bench", "packages", "env=bps"]) != 0
    assert "unknown env 'bps'" in capfd.readouterr().err
    assert main([*SHORT, f"peer_python={tmp_path}/python"]) != 0
    assert "cannot be run" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("env", "package", "task", "of_ours_alone"),
    [
        ("lbf", "lbforaging", "Foraging-8x8-2p-3f-v3", "Foraging-fixed-8x8-6p-3f-v2"),
        ("rware", "rware", "rware-tiny-2ag-v2", "rware-2color-tiny-4ag-v1"),
    ],
)
def test_the_package_itself_is_measured(
    capfd: pytest.CaptureFixture[str], env: str, package: str, task: str, of_ours_alone: str
) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed: make oracles")
    words = ("bench", "packages", f"env={env}", f"maps={task},{of_ours_alone}", *SHORT[3:])
    assert main([*words]) == 0
    figures = json.loads(capfd.readouterr().out)
    assert set(figures["env_steps_per_second"]) == {task}
    assert figures["env_steps_per_second"][task]["package"] > 0
    assert figures["package"]["name"] == package
    assert figures["package"]["version"].startswith("2.")
