"""The privacy page, the command and the wire say the same of each algorithm: the declaration of its rows."""

from __future__ import annotations

import pytest

from fedqmix.algorithms import ALGORITHMS
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.cli.privacy import markdown
from support.paths import ROOT


def test_the_page_has_the_declarations() -> None:
    assert markdown() in (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_command_prints_every_row(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["privacy", f"algorithm={name}"]) == 0
    printed = capsys.readouterr().out
    assert all(row.name in printed for row in ALGORITHMS[name].rows)


@pytest.mark.parametrize("name", ["iql", "ippo"])
def test_no_row_is_printed_for_individual_rewards(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["privacy", f"algorithm={name}", "algorithm.reward=individual"]) == 0
    printed = capsys.readouterr().out
    assert "algorithm.reward=individual" in printed
    assert "0 bytes up and 0 bytes down" in " ".join(printed.split())
    assert not [row.name for row in ALGORITHMS[name].rows if row.name in printed]


def test_individual_rewards_are_refused_where_there_are_none(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["privacy", "algorithm=vdn", "algorithm.reward=individual"]) == 2
    assert "algorithm.reward is a setting of iql and ippo; algorithm=vdn has" in capfd.readouterr().err


def test_bytes_are_those_of_the_publications_table() -> None:
    """Bytes for each transition, agent and training step: QMIX 8 up and 4 down, OW 12 and 8, CW 13 and 8."""
    up = {name: sum(row.bytes for row in one.rows) for name, one in ALGORITHMS.items()}
    down = {name: sum(row.bytes for row in one.rows if row.differentiable) for name, one in ALGORITHMS.items()}
    assert (up["qmix"], up["ow_qmix"], up["cw_qmix"]) == (8, 12, 13)
    assert (down["qmix"], down["ow_qmix"], down["cw_qmix"]) == (4, 8, 8)


def test_an_unknown_option_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["privacy", "algoritm=qmix"]) == 2
    assert "did you mean 'algorithm'" in capfd.readouterr().err
