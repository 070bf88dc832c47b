"""TensorBoard event files: one scalar per metric over environment steps."""

from __future__ import annotations

from pathlib import Path

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.server.records.row import Row, plain


class TensorboardLogger:
    """A logger that writes to the folder `tensorboard` of the run folder."""

    def __init__(self, run_dir: Path, resumed_at: int | None = None) -> None:
        """Open an event file.

        resumed_at: environment step of the last row that is kept; TensorBoard hides later values.
        Raises ConfigurationError when tensorboard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter  # the extra may be missing
        except ImportError as error:
            raise ConfigurationError(
                "logger=tensorboard needs the package tensorboard: pip install 'fedqmix[tensorboard]'."
            ) from error
        purge_step = None if resumed_at is None else resumed_at + 1
        self._writer = SummaryWriter(str(run_dir / "tensorboard"), purge_step=purge_step)

    def log(self, row: Row) -> None:
        """Write every metric of a row; env_step is the axis."""
        metrics = plain(row)
        env_step = metrics.pop("env_step")
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, int(env_step))
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()
