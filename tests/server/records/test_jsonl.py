"""metrics.jsonl: exact floats, and a resumed file that equals an uninterrupted one."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedqmix.runtime.core.errors import CheckpointError, DivergenceError, StorageError
from fedqmix.server.records import JsonlLogger, make_loggers, read_rows
from support.played import config, rows


def write(path: Path, some: list[dict[str, float | int]]) -> int:
    logger = JsonlLogger(path)
    for row in some:
        logger.log(row)
    position = logger.position()
    logger.close()
    return position


def test_one_object_per_line_in_order(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    position = write(path, rows(3))
    assert [json.loads(line) for line in path.read_text().splitlines()] == rows(3) == read_rows(path)
    assert position == path.stat().st_size


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_back_as_the_same_bits(tmp_path: Path, value: float) -> None:
    path = tmp_path / "metrics.jsonl"
    path.unlink(missing_ok=True)
    write(path, [{**rows(1)[0], "loss": value}])
    assert np.float64(read_rows(path)[0]["loss"]).tobytes() == np.float64(value).tobytes()


def test_numpys_numbers_become_json_numbers(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    write(path, [{"env_step": np.int64(5), "loss": np.float32(0.5), "won": np.float64(0.25)}])
    assert path.read_text() == '{"env_step": 5, "loss": 0.5, "won": 0.25}\n'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_names_itself_and_writes_nothing(tmp_path: Path, value: float) -> None:
    path = tmp_path / "metrics.jsonl"
    logger = JsonlLogger(path)
    with pytest.raises(DivergenceError, match="metric loss is not finite at environment step 70"):
        logger.log({"env_step": 70, "loss": value})
    assert path.read_bytes() == b""


def test_each_row_is_on_disk_when_log_returns(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    logger = JsonlLogger(path)
    for count in (1, 2, 3):
        logger.log(rows(3)[count - 1])
        assert read_rows(path) == rows(count)


@pytest.mark.parametrize("torn", [b"", b'{"env_step": 99'], ids=["whole", "torn"])
def test_a_resumed_file_equals_an_uninterrupted_one(tmp_path: Path, torn: bytes) -> None:
    whole, resumed = tmp_path / "whole.jsonl", tmp_path / "resumed.jsonl"
    write(whole, rows(6))
    checkpoint = write(resumed, rows(3))
    write(resumed, rows(5)[3:])
    with resumed.open("ab") as file:
        file.write(torn)
    logger = JsonlLogger(resumed)
    logger.rewind(checkpoint)
    assert logger.position() == checkpoint
    for row in rows(6)[3:]:
        logger.log(row)
    logger.close()
    assert resumed.read_bytes() == whole.read_bytes()


def test_rewind_to_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    write(path, rows(2))
    logger = JsonlLogger(path)
    logger.rewind(0)
    assert path.read_bytes() == b""


def test_a_position_that_does_not_fit_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    size = write(path, rows(2))
    before = path.read_bytes()
    logger = JsonlLogger(path)
    with pytest.raises(CheckpointError, match=f"holds {size} bytes but the checkpoint was written after {size + 1}"):
        logger.rewind(size + 1)
    with pytest.raises(CheckpointError, match="has no line that ends at byte 10"):
        logger.rewind(10)
    assert path.read_bytes() == before


def test_make_loggers_rewinds_and_goes_on(tmp_path: Path) -> None:
    position = write(tmp_path / "metrics.jsonl", rows(2))
    write(tmp_path / "metrics.jsonl", rows(4)[2:])
    loggers = make_loggers(config(), tmp_path, "0" * 16, rewind_to=position)
    loggers.log(rows(3)[2])
    loggers.close()
    assert read_rows(tmp_path / "metrics.jsonl") == rows(3)


def test_a_line_cut_off_by_a_crash_is_left_out_and_a_damaged_one_named(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert read_rows(path) == []
    write(path, rows(2))
    path.write_bytes(path.read_bytes() + b'{"env_st')
    assert read_rows(path) == rows(2)
    path.write_text(json.dumps(rows(1)[0]) + '\n{"env_step" 2}\n')
    with pytest.raises(CheckpointError, match="line 2, is damaged"):
        read_rows(path)
    path.write_bytes(b"[1]\n")
    with pytest.raises(
        CheckpointError, match="line 1, is damaged: it is not a row of metrics, as a JSON object is needed"
    ):
        read_rows(path)


def test_a_full_disk_is_said_so() -> None:
    logger = JsonlLogger(Path("/dev/full"))
    with pytest.raises(StorageError, match="No space left on device"):
        logger.log(rows(1)[0])


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file or directory"):
        JsonlLogger(tmp_path / "nowhere" / "metrics.jsonl")
