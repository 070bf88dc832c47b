"""Whether a run has come to the end that it is to have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fedqmix.conf.schema import StopConfig
from fedqmix.server.records import Outcome


def finished(summary: Mapping[str, Any], own: StopConfig, wanted: StopConfig) -> bool:
    """Tell whether a run ended by itself, under the wanted settings or with more environment steps than wanted.

    summary: its summary.json. own: the settings it ended under.
    """
    if summary.get("outcome") != Outcome.FINISHED:
        return False
    return own.env_steps >= wanted.env_steps and replace(own, env_steps=wanted.env_steps) == wanted
