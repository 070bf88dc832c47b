"""The world in a process of its own: built from a run's settings when the server opens an attempt."""

from __future__ import annotations

import tempfile
from pathlib import Path

from conf.schema import Config
from contracts.world import TeamSink, World
from envs import make_world
from runtimes.settings import load


def make(config_yaml: str, sink: TeamSink) -> World:
    """Build the world of a run. sink: where the mixer's side is told. Raises ConfigurationError."""
    config = read_config(config_yaml)
    return make_world(config.map, config.seed, config.env, sink, config.runtime.world_threads)


def read_config(config_yaml: str) -> Config:
    """Return checked settings from their YAML."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(config_yaml, encoding="utf-8")
        return load(file)
