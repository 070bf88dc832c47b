"""The requirements of a run on this machine, checked before anything is started or written."""

from __future__ import annotations

from pathlib import Path

from fedqmix.conf.schema import Config
from fedqmix.envs import require_world
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.runs.lifecycle.sides import choose_device
from fedqmix.strategies import strategy_class


def require_ready(config: Config) -> None:
    """Check that this machine has the world, the strategy's code and the device of a run.

    Raises ConfigurationError with the missing requirement.
    """
    require_world(config.map, config.env)
    strategy_class(config.strategy)  # imports a user's own strategy
    choose_device(config.runtime.device)


def device_warning(run: Path, config: Config) -> str | None:
    """Return a warning when a run is resumed with another runtime.device; None otherwise.

    run: the run folder, with the earlier configuration. config: the new configuration.
    """
    before, now = load(run).runtime.device, config.runtime.device
    if before == now:
        return None
    return (
        f"warning: runtime.device was {before} and is {now} from here on. The run goes on with the same networks and "
        "episodes, but devices round differently: its results no longer equal those of one device bit for bit."
    )
