"""The loggers of one run: metrics.jsonl, and one more when logger.name selects it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fedqmix.conf.schema import Config
from fedqmix.server.records.jsonl import JsonlLogger
from fedqmix.server.records.reading import read_rows
from fedqmix.server.records.row import MetricLogger, Row
from fedqmix.server.records.tensorboard_logger import TensorboardLogger
from fedqmix.server.records.wandb_logger import WandbLogger

METRICS = "metrics.jsonl"


class Loggers:
    """All loggers of a run as one; metrics.jsonl comes first."""

    def __init__(self, jsonl: JsonlLogger, others: Sequence[MetricLogger]) -> None:
        """Own the loggers: `close` closes them."""
        self.jsonl = jsonl
        self._all: list[MetricLogger] = [jsonl, *others]

    def log(self, row: Row) -> None:
        """Pass one row to every logger."""
        for logger in self._all:
            logger.log(row)

    def close(self) -> None:
        """Close every logger, the last opened first."""
        for logger in reversed(self._all):
            logger.close()


def make_loggers(config: Config, run_dir: Path, run_id: str, rewind_to: int | None = None) -> Loggers:
    """Open the loggers that `config.logger` selects.

    rewind_to: position in metrics.jsonl at which a resumed run continues (`JsonlLogger.position` at the checkpoint);
    None for a new run.
    Raises ConfigurationError when an optional package is missing, CheckpointError when no line of metrics.jsonl ends at
    the position, StorageError when the file cannot be written.
    """
    jsonl = JsonlLogger(run_dir / METRICS)
    resumed_at = None
    try:
        if rewind_to is not None:
            jsonl.rewind(rewind_to)
            kept = read_rows(run_dir / METRICS)
            resumed_at = int(kept[-1]["env_step"]) if kept else -1
        match config.logger.name:
            case "tensorboard":
                return Loggers(jsonl, [TensorboardLogger(run_dir, resumed_at)])
            case "wandb":
                return Loggers(jsonl, [WandbLogger(config.logger, run_dir, run_id, asdict(config))])
            case _:
                return Loggers(jsonl, [])
    except BaseException:
        jsonl.close()
        raise
