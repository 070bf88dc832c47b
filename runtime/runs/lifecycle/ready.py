"""What a run needs of this machine, looked at before anything is started or written."""

from __future__ import annotations

from pathlib import Path

from fedqmix.conf.schema import Config
from fedqmix.envs import require_world
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.runs.lifecycle.sides import choose_device
from fedqmix.strategies import strategy_class


def require_ready(config: Config) -> None:
    """Check that this machine has the world, the strategy's code and the device of a run.

    Raises ConfigurationError that says what is missing.
    """
    require_world(config.map, config.env)
    strategy_class(config.strategy)  # one of the user's own must be there
    choose_device(config.runtime.device)


def device_warning(run: Path, config: Config) -> str | None:
    """Return what to say when a run goes on with another runtime.device than it had; None when it does not.

    run: the run folder, whose config.yaml says what it had. config: what it goes on with.
    """
    before, now = load(run).runtime.device, config.runtime.device
    if before == now:
        return None
    return (
        f"warning: runtime.device was {before} and is {now} from here on. The run goes on with the same networks and "
        "episodes, but other devices round otherwise: its results are no longer those of one device bit for bit."
    )
