"""Weights & Biases: one run per run folder, offline by default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

from fedqmix.conf.schema import LoggerConfig
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.server.records.row import Row, plain


class WandbLogger:
    """A logger that writes to the run folder's folder `wandb`; `wandb sync` uploads it later.

    The run's id is the run folder's, so that a resumed run continues the same one.
    """

    def __init__(self, settings: LoggerConfig, run_dir: Path, run_id: str, config: Mapping[str, Any]) -> None:
        """Start a run.

        config: all settings, shown beside the run. Raises ConfigurationError when wandb is not installed, or when it
        cannot start (wandb_mode=online without an account).
        """
        offline = settings.wandb_mode != "online"
        if offline:
            # wandb and the process that it starts read these: without them, even an offline run reports its errors.
            os.environ["WANDB_ERROR_REPORTING"] = "false"
            os.environ["WANDB_MODE"] = settings.wandb_mode
        try:
            import wandb  # the extra may be missing
        except ImportError as error:
            raise ConfigurationError("logger=wandb needs the package wandb: pip install 'fedqmix[wandb]'.") from error
        try:
            self._run = wandb.init(
                project=settings.wandb_project,
                mode=cast(Literal["offline", "online", "disabled"], settings.wandb_mode),
                dir=str(run_dir),
                id=run_id,
                name=run_dir.name,
                config=dict(config),
                resume=None if offline else "allow",
                settings=wandb.Settings(console="off", silent=offline, save_code=False, disable_git=True),
            )
        except wandb.errors.Error as error:
            reason = " ".join(str(error).split())
            raise ConfigurationError(
                f"wandb cannot start: {reason}. Log in with `wandb login`, or stay offline: logger.wandb_mode=offline."
            ) from error
        self._run.define_metric("*", step_metric="env_step")

    def log(self, row: Row) -> None:
        """Pass one row to wandb; env_step is the axis."""
        self._run.log(plain(row))

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()
