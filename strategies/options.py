"""The settings that some strategies have and others lack. conf.schema.StrategyConfig has those of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fedqmix.conf.fields import choice, number, value, words
from fedqmix.conf.schema import StrategyConfig


@dataclass
class RewardShareSettings(StrategyConfig):
    """The settings of RS-PPS and PP-PPS, whose weights are shares of the reward."""

    reward: str = choice("individual", "team", "policy", doc="the meaning of R_i (strategies/rs_pps.py)")
    max_weight: float = number(0, 1, above=True, doc="the largest weight of an agent (at least 1/N)")
    policy_episodes: int = number(1, doc="reward=policy: episodes that measure one agent's network")


@dataclass
class RobustSettings(StrategyConfig):
    """The settings of strategies that bound the effect of dishonest agents."""

    byzantine: int = number(0, doc="the assumed maximum of dishonest agents")


@dataclass
class KrumSettings(RobustSettings):
    """The settings of Krum."""

    krum_select: int = number(1, doc="the number of networks averaged; 1 is Krum, more is Multi-Krum")


@dataclass
class EveryStepSettings(StrategyConfig):
    """The setting of strategies whose agents may share every gradient with those that hold the same elements."""

    every_step: bool = value(doc="whether the holders of an element also take every training step together")


@dataclass
class ClusterSettings(EveryStepSettings):
    """The settings of averages within clusters of agents."""

    clusters: Any = words(
        "types, lists of agents such as [[0,1],[2,3,4]], or null; seps, adaps: also auto, or a number",
        doc="the agents of each cluster; types: those of each type (unit types in a battle); seps, adaps: a number of "
        "clusters to find by identity, auto: that number is chosen too",
    )


@dataclass
class IdentitySettings(ClusterSettings):
    """The settings of strategies whose clusters may be found by the agents' identities (docs/adaptive.md)."""

    identity_episodes: int = number(1, 100_000, doc="episodes of random actions from which identities are learned")
    identity_steps: int = number(10, 10_000_000, doc="gradient steps of the identity model")
    identity_batch: int = number(1, 4096, doc="transitions of each agent in a gradient step of the identity model")
    identity_latent: int = number(1, 256, doc="width of an agent's identity")
    identity_kl: float = number(0, doc="weight of the divergence in the identity model's loss (beta)")
    identity_average_every: int = number(
        0, doc="gradient steps between averages of the identity decoders; 0: their gradients are averaged in each"
    )
    identity_converged: float = number(
        0, 1, doc="least error of the identity model's last tenth of training, as a share of the tenth before; 0: any"
    )
    identity_silhouette: float = number(-1, 1, doc="clusters=auto: a smaller silhouette is refused")
    smallest_cluster: int = number(1, doc="fewest agents of a cluster; a smaller one that was found joins the nearest")


@dataclass
class SubNetworkSettings(EveryStepSettings):
    """The settings of strategies whose agents hold sub-networks of one root network (docs/adaptive.md)."""

    keep: float = number(0, 1, above=True, doc="an agent's share of each hidden layer's units, rounded up")


@dataclass
class AdaptiveSettings(SubNetworkSettings, IdentitySettings):
    """The settings of AdaPS, which has a sub-network for each cluster."""

    masks: str = choice("mapped", "random", doc="the units of a cluster: from its centre, or drawn for each cluster")


@dataclass
class OwnSettings(RewardShareSettings, KrumSettings, AdaptiveSettings):
    """The settings of strategy=own, which may derive from any strategy here: every setting of every strategy."""
