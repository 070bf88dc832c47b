"""The recipe of a run: its name among collected runs, and the command that trains it."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence

from fedqmix.conf.schema import Config
from fedqmix.envs import available_maps
from fedqmix.runtime.configuration.choices import chosen_of, values_of
from fedqmix.runtime.configuration.idle import idle_settings
from fedqmix.runtime.configuration.overrides import as_written
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.storage.archive import SUFFIX

WRITTEN = ("map", "seed", "experiment")
"""Settings that a file name contains, beside algorithm and strategy."""
NOT_OF_A_RECIPE = ("run_dir", "resume", "env.replay_dir", "runtime.", "logger.", "checkpoint.")
"""Settings, and prefixes of settings, without effect on a run's results."""
NOT_OF_A_NAME = ("stop.", "env.games", "env.call_seconds")
"""Settings, and prefixes, that decide a run's length and how its world is executed."""


def archive_name(config: Config) -> str:
    """Return the file name of a collected run.

    Settings that differ from the experiment's own add eight digits of their SHA-256, so that runs with different
    settings have different names.
    """
    words = [word for word in differing(config) if not word.startswith(NOT_OF_A_NAME)]
    digest = [hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]] if words else []
    parts = [config.map, config.algorithm.name, config.strategy.name, config.experiment, *digest, f"s{config.seed}"]
    return "-".join(parts) + SUFFIX


def command_of(config: Config) -> str:
    """Return the command line of a single run with these settings, without a folder."""
    return shlex.join(["fedqmix", "train", *_chosen(config), f"seed={config.seed}", *differing(config)])


def differing(config: Config) -> list[str]:
    """Return the overrides in which a run differs from its experiment.

    The experiment is composed with the run's map, algorithm and strategy, and with its suite of worlds where the map is
    not one of SMAC's.
    """
    words = _chosen(config)
    groups = [f"{group}={choice}" for group, choice in chosen_of(config)]  # such as env=smac, with settings of its own
    usual = {**values_of(compose([*words, *groups])), **values_of(compose(words))}
    found = []
    unused = idle_settings(config.strategy.name, config.strategy.server_optimiser)
    for name, own in values_of(config).items():
        decides = name not in WRITTEN and name not in unused and not name.startswith(NOT_OF_A_RECIPE)
        if decides and own != usual[name]:
            found.append(f"{name.removesuffix('.name')}={as_written(own)}")
    return found


def unlike(one: Config, other: Config) -> str | None:
    """Return the first setting with an effect on results in which two runs differ; None if none."""
    unused = idle_settings(one.strategy.name, one.strategy.server_optimiser)
    ours, theirs = values_of(one), values_of(other)
    for name in {**ours, **theirs}:
        ignored = name in unused or name.startswith((*NOT_OF_A_RECIPE, *NOT_OF_A_NAME))
        if not ignored and ours.get(name) != theirs.get(name):
            return name
    return None


def _chosen(config: Config) -> Sequence[str]:
    names = (("map", config.map), ("algorithm", config.algorithm.name), ("strategy", config.strategy.name))
    suite = [] if config.map in available_maps() else [f"env={config.env.name}"]  # else the usual world has the map
    return [*suite, *(f"{group}={name}" for group, name in names), f"experiment={config.experiment}"]
