"""Replays: the units, actions and rewards of one episode, and each agent's Q-values."""

from fedqmix.envs.replays.actions import action_names
from fedqmix.envs.replays.file import read_replay, replay_bytes, replay_files
from fedqmix.envs.replays.record import Occasion, Replay, Result, Unit
from fedqmix.envs.replays.recording import Recording

__all__ = [
    "Occasion",
    "Recording",
    "Replay",
    "Result",
    "Unit",
    "action_names",
    "read_replay",
    "replay_bytes",
    "replay_files",
]
