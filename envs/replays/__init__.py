"""Replays: the units, items, actions and rewards of one episode, and each agent's Q-values."""

from fedqmix.envs.replays.actions import action_names, names_of_actions
from fedqmix.envs.replays.file import read_replay, replay_bytes, replay_files
from fedqmix.envs.replays.record import Occasion, Replay, Result, Unit
from fedqmix.envs.replays.recording import Recording
from fedqmix.envs.replays.scenery import Scenery

__all__ = [
    "Occasion",
    "Recording",
    "Replay",
    "Result",
    "Scenery",
    "Unit",
    "action_names",
    "names_of_actions",
    "read_replay",
    "replay_bytes",
    "replay_files",
]
