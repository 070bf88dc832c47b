"""The settings class of every choice of a group, by name: "module:Class", loaded when it is first needed.

A method's settings stand beside its code. Names, not imports: conf/ imports no other package, and a class is loaded
without the code it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib import import_module
from typing import Any

OWN = "own"
"""The choice of a user's own code; its class has every setting of its group."""

_COMMON = "fedqmix.conf.schema"
_Q_LEARNING = "fedqmix.algorithms.q_learning.settings"
_WEIGHTED = "fedqmix.algorithms.weighted_qmix.settings"
_QPLEX = "fedqmix.algorithms.qplex.settings"
_QTRAN = "fedqmix.algorithms.qtran.settings"
_REFIL = "fedqmix.algorithms.refil.settings"
_TRANSF = "fedqmix.algorithms.transf_qmix.settings"
_PPO = "fedqmix.algorithms.ppo.settings"
_NETWORKS = "fedqmix.networks.settings"
_STRATEGIES = "fedqmix.strategies.options"

CHOICES: Mapping[str, Mapping[str, str]] = {
    "algorithm": {
        "iql": f"{_Q_LEARNING}:IqlSettings",
        "vdn": f"{_Q_LEARNING}:QLearningSettings",
        "qmix": f"{_Q_LEARNING}:QmixSettings",
        "ow_qmix": f"{_WEIGHTED}:WeightedQmixSettings",
        "cw_qmix": f"{_WEIGHTED}:WeightedQmixSettings",
        "qplex": f"{_QPLEX}:QplexSettings",
        "qtran": f"{_QTRAN}:QtranSettings",
        "flex_qmix": f"{_REFIL}:FlexQmixSettings",
        "refil": f"{_REFIL}:RefilSettings",
        "transf_qmix": f"{_TRANSF}:TransfQmixSettings",
        "transf_state": f"{_TRANSF}:TransfQmixSettings",
        "ippo": f"{_PPO}:IppoSettings",
        "mappo": f"{_PPO}:MappoSettings",
        OWN: "fedqmix.algorithms.settings:OwnSettings",
    },
    "model": {
        "gru": f"{_COMMON}:ModelConfig",
        "mlp": f"{_COMMON}:ModelConfig",
        "entity_attention": f"{_NETWORKS}:EntityAttentionSettings",
        "transformer": f"{_NETWORKS}:TransformerSettings",
        OWN: f"{_NETWORKS}:TransformerSettings",
    },
    "strategy": {
        "none": f"{_COMMON}:StrategyConfig",
        "a_pps": f"{_COMMON}:StrategyConfig",
        "rs_pps": f"{_STRATEGIES}:RewardShareSettings",
        "pp_pps": f"{_STRATEGIES}:RewardShareSettings",
        "full_sharing": f"{_COMMON}:StrategyConfig",
        OWN: f"{_STRATEGIES}:OwnSettings",
        "median": f"{_STRATEGIES}:RobustSettings",
        "trimmed_mean": f"{_STRATEGIES}:RobustSettings",
        "krum": f"{_STRATEGIES}:KrumSettings",
        "bulyan": f"{_STRATEGIES}:RobustSettings",
        "norm_clip": f"{_COMMON}:StrategyConfig",
        "clusters": f"{_STRATEGIES}:ClusterSettings",
        "seps": f"{_STRATEGIES}:IdentitySettings",
        "snp_ps": f"{_STRATEGIES}:SubNetworkSettings",
        "adaps": f"{_STRATEGIES}:AdaptiveSettings",
    },
    "env": {
        "skirmish": "fedqmix.envs.skirmish.options:SkirmishOptions",
        "smac": "fedqmix.envs.smac.options:SmacOptions",
        "bps": "fedqmix.envs.bps.options:BpsOptions",
        "lbf": "fedqmix.envs.lbf.options:LbfOptions",
        "rware": "fedqmix.envs.rware.options:RwareOptions",
        "matrix": "fedqmix.envs.matrix.options:MatrixOptions",
        "group_matching": "fedqmix.envs.group_matching.options:GroupMatchingOptions",
        "predator_prey": "fedqmix.envs.predator_prey.options:PredatorPreyOptions",
        "pettingzoo": "fedqmix.envs.from_pettingzoo.options:PettingZooOptions",
        OWN: "fedqmix.envs.own.options:OwnOptions",
    },
}
"""Group -> choice -> its settings class. A choice without settings of its own has the group's common class."""


@cache
def settings_class(group: str, choice: str) -> type:
    """Return the settings class of a choice. Raises KeyError for an unknown group or choice."""
    module, _, name = CHOICES[group][choice].partition(":")
    found: type = getattr(import_module(module), name)
    return found


def make_settings(group: str, choice: str, usual: Mapping[str, Any], changes: Mapping[str, Any]) -> Any:
    """Return the settings of a choice, for contract tests, which set up any method of a group.

    usual: values for all methods; those of settings that the choice lacks are left out. changes: values that replace
    them; TypeError for one that the choice lacks.
    """
    made = settings_class(group, choice)
    known = {one.name for one in fields(made)}
    return made(**{name: value for name, value in usual.items() if name in known} | {"name": choice} | dict(changes))
