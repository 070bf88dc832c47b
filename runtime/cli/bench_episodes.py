"""The episodes for a benchmark of learning: options maps=, lengths= and steps=, or run=."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedqmix.conf.schema import Config
from fedqmix.runtime.cli.bench_options import maps, numbers
from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.core.errors import ConfigurationError

if TYPE_CHECKING:
    from fedqmix.analysis.benchmarks.episodes import EpisodeSource

EPISODES = ("maps", "lengths", "steps", "run")
"""The options that choose episodes."""


def episodes(
    options: Mapping[str, str],
    config: Config,
    default_maps: Sequence[str],
    default_lengths: str,
    default_steps: Sequence[int] | None = None,
) -> tuple[list[EpisodeSource], dict[str, Any]]:
    """Return one source of episodes for each map, and the report's description of them.

    Raises ConfigurationError for options that are unknown or exclude each other, CheckpointError for a run without
    episodes.
    """
    from fedqmix.analysis.benchmarks.episodes import LENGTHS, StoredEpisodes, random_episodes

    if "run" in options:
        beside = [name for name in EPISODES if name in options and name != "run"]
        if beside:
            raise ConfigurationError(
                f"run={options['run']} brings its own map and episodes: leave {', '.join(f'{n}=' for n in beside)} out."
            )
        return [StoredEpisodes(Path(options["run"]))], {"lengths": "of a run's episodes", "run": options["run"]}
    lengths = options.get("lengths", default_lengths)
    if lengths not in LENGTHS:
        raise ConfigurationError(unknown("lengths", lengths, LENGTHS))
    names = maps(options) if "maps" in options else list(default_maps)
    steps = numbers(options, "steps", ()) if "steps" in options else default_steps
    return random_episodes(config, names, lengths, steps), {"lengths": lengths}
