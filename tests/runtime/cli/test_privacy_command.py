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


def test_bytes_are_those_of_the_publications_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes up and down for each transition, agent and training step on 2s3z.

    A transition of QPLEX has four values and two actions; one of QTRAN three encodings of 75 numbers and two values.
    """
    expected = {"qmix": (8, 4), "ow_qmix": (12, 8), "cw_qmix": (13, 8), "qplex": (18, 4), "qtran": (908, 308)}
    expected |= {"refil": (16, 12), "flex_qmix": (8, 4), "transf_state": (8, 4)}
    for name, (up, down) in expected.items():
        assert main(["privacy", f"algorithm={name}", "map=2s3z"]) == 0
        printed = " ".join(capsys.readouterr().out.split())
        assert f"{up} bytes up and {down} bytes down" in printed


def test_sizes_are_those_of_the_task_and_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    """3m has 9 actions: an encoding has 3 + 9 numbers."""
    assert main(["privacy", "algorithm=qtran", "map=3m", "algorithm.encoding_embed=3"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"qtran on 3m: {3 * 4 * 12 + 8} bytes up and {4 * 12 + 8} bytes down" in printed
    assert "float32 [12]" in printed


def test_a_world_without_entities_leaves_out_what_needs_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["privacy", "env=rware", "map=rware-tiny-2ag-v2"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "refil: this world has no entities" in printed
    assert "central_greedy" in printed


def test_rows_of_which_the_sum_is_used_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("qtran", "qplex"):
        assert main(["privacy", f"algorithm={name}"]) == 0
        printed = " ".join(capsys.readouterr().out.split())
        summed = [row.name for row in ALGORITHMS[name].rows if row.summed]
        assert (f"uses only the sum over the agents of {', '.join(summed)}." in printed) is (name == "qtran")


def test_an_unknown_option_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["privacy", "algoritm=qmix"]) == 2
    assert "did you mean 'algorithm'" in capfd.readouterr().err
