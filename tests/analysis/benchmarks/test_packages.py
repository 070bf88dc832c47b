"""`fedqmix bench packages`: a suite and the package whose rules it has, asked in turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from fedqmix.analysis.benchmarks import packages
from fedqmix.runtime.cli.main import main

STAND_IN = """
import json, sys
maps = ["Foraging-8x8-2p-3f-v3", "rware-tiny-2ag-v2", "elsewhere"]
print(json.dumps({"maps": maps, "version": sys.argv[1]}), flush=True)
for line in sys.stdin:
    print("asked", line.strip(), file=sys.stderr, flush=True)
    print(json.dumps({"rate": 50.0}), flush=True)
"""


class Case(NamedTuple):
    """A suite and its package: one task of both, one that the stand-in lacks, one that the package lacks."""

    env: str
    package: str
    shared: str
    unshared: str
    unpackaged: str

    @property
    def short(self) -> tuple[str, ...]:
        return ("bench", "packages", f"env={self.env}", "rounds=2", "seconds=0.02", "threads=1")


CASES = [
    Case("lbf", "lbforaging", "Foraging-8x8-2p-3f-v3", "Foraging-8x8-3p-3f-v3", "Foraging-fixed-8x8-6p-3f-v2"),
    Case("rware", "rware", "rware-tiny-2ag-v2", "rware-tiny-3ag-v2", "rware-2color-tiny-4ag-v1"),
]
each_suite = pytest.mark.parametrize("case", CASES, ids=[case.env for case in CASES])


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process that answers by rote play the package."""
    (tmp_path / "peer_package.py").write_text(STAND_IN)
    monkeypatch.setattr(packages, "__file__", str(tmp_path / "packages.py"))


@each_suite
@pytest.mark.usefixtures("stand_in")
def test_both_are_measured_in_turn_and_compared(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*case.short, f"maps={case.shared},{case.unshared}"]) == 0
    printed = capfd.readouterr()
    figures = json.loads(printed.out)
    assert set(figures["env_steps_per_second"]) == {case.shared}
    figure = figures["env_steps_per_second"][case.shared]
    assert figure["package"] == 50.0
    assert figure["times"] == pytest.approx(figure["ours"] / 50, abs=0.06)
    assert figures["package"] == {"name": case.package, "version": case.package}
    asked = [json.loads(line.removeprefix("asked ")) for line in printed.err.splitlines() if line.startswith("asked")]
    assert asked == [{"map": case.shared, "seconds": 0.02}] * 2


@each_suite
@pytest.mark.usefixtures("stand_in")
def test_no_shared_task_is_an_error(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*case.short, f"maps={case.unshared}"]) != 0
    assert f"{case.package} has none of the maps {case.unshared}" in capfd.readouterr().err


def test_mistakes_are_named(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["bench", "packages", "env=bps"]) != 0
    assert "unknown env 'bps'" in capfd.readouterr().err
    assert main([*CASES[0].short, f"peer_python={tmp_path}/python"]) != 0
    assert "cannot be run" in capfd.readouterr().err


@each_suite
def test_the_package_itself_is_measured(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(case.package, reason=f"{case.package} is not installed: make oracles")
    assert main([*case.short, f"maps={case.shared},{case.unpackaged}"]) == 0
    figures = json.loads(capfd.readouterr().out)
    assert set(figures["env_steps_per_second"]) == {case.shared}
    assert figures["env_steps_per_second"][case.shared]["package"] > 0
    assert figures["package"]["version"].startswith("2.")
