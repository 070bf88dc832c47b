"""The suites by name: "module:object", loaded when one is first needed.

A new suite is a folder here, its settings class in fedqmix.conf.registry, and conf/env/NAME.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from fedqmix.envs.suite import Suite

SUITES: Mapping[str, str] = {
    "skirmish": "fedqmix.envs.skirmish.suite:SUITE",
    "smac": "fedqmix.envs.smac.suite:SUITE",
    "bps": "fedqmix.envs.bps.suite:SUITE",
    "lbf": "fedqmix.envs.lbf.suite:SUITE",
    "rware": "fedqmix.envs.rware.suite:SUITE",
    "matrix": "fedqmix.envs.matrix.suite:SUITE",
    "group_matching": "fedqmix.envs.group_matching.suite:SUITE",
    "predator_prey": "fedqmix.envs.predator_prey.suite:SUITE",
    "pettingzoo": "fedqmix.envs.from_pettingzoo.suite:SUITE",
    "own": "fedqmix.envs.own.suite:SUITE",
}


@cache
def find_suite(name: str) -> Suite:
    """Return the suite of an `env.name`. Raises KeyError for an unknown one."""
    module, _, found = SUITES[name].partition(":")
    suite: Suite = getattr(import_module(module), found)
    return suite
