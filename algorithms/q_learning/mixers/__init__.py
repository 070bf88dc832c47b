"""How the agents' Q-values become the value that is learned. One file per method, its equation on top."""

from __future__ import annotations

import threading
from typing import Protocol

import torch
from torch import nn

from fedqmix.algorithms.q_learning.mixers.iql import IqlMixer
from fedqmix.algorithms.q_learning.mixers.qmix import QmixMixer
from fedqmix.algorithms.q_learning.mixers.vdn import VdnMixer
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import TeamSpec

_drawing = threading.Lock()  # layers draw their first weights from PyTorch's own generator, one for the whole program


class MixerSettings(Protocol):
    """What of the configuration a mixer needs (conf.schema.AlgorithmConfig has it)."""

    name: str
    mixing_embed: int
    hypernetwork_layers: int
    hypernetwork_hidden: int


def make_mixer(settings: MixerSettings, spec: TeamSpec, seed: int) -> nn.Module:
    """Build the mixer named by the algorithm; its first weights depend on the seed alone.

    A mixer maps (q [agents, transitions], state [transitions, state_dim]) to values [outputs, transitions].
    """
    if settings.name == "iql":
        return IqlMixer()
    if settings.name == "vdn":
        return VdnMixer()
    if settings.name == "qmix":
        with _drawing, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.key(seed, "initial mixer"))
            return QmixMixer(spec, settings.mixing_embed, settings.hypernetwork_layers, settings.hypernetwork_hidden)
    raise ConfigurationError(f"unknown algorithm {settings.name!r}; allowed are iql, vdn, qmix")
