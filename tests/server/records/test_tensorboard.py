"""logger=tensorboard writes what TensorBoard's own reader reads."""

import struct
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.server.records import make_loggers
from support.played import config, rows


def scalars(run_dir: Path, name: str) -> list[tuple[int, float]]:
    reader = EventAccumulator(str(run_dir / "tensorboard"), purge_orphaned_data=True)
    reader.Reload()
    return [(event.step, event.value) for event in reader.Scalars(name)]


def single(value: float) -> float:
    """Return the value as TensorBoard keeps it, in 32 bits."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def test_every_metric_is_a_curve_over_environment_steps(tmp_path: Path) -> None:
    loggers = make_loggers(config("logger=tensorboard"), tmp_path, "0" * 16)
    for row in rows(3):
        loggers.log(row)
    loggers.close()
    for name in rows(1)[0].keys() - {"env_step"}:
        assert scalars(tmp_path, name) == [(row["env_step"], single(row[name])) for row in rows(3)]
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 3


def test_a_resumed_run_hides_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    first = make_loggers(config("logger=tensorboard"), tmp_path, "0" * 16)
    first.log(rows(4)[0])
    first.log(rows(4)[1])
    position = first.jsonl.position()
    first.log({**rows(4)[2], "loss": 99.0})
    first.close()
    second = make_loggers(config("logger=tensorboard"), tmp_path, "0" * 16, rewind_to=position)
    for row in rows(4)[2:]:
        second.log(row)
    second.close()
    assert scalars(tmp_path, "loss") == [(row["env_step"], single(row["loss"])) for row in rows(4)]


def test_without_the_extra_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'fedqmix\[tensorboard\]'"):
        make_loggers(config("logger=tensorboard"), tmp_path, "0" * 16)
