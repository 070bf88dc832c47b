"""The test for a finished run: its end against the wanted stop.* settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fedqmix.conf.schema import StopConfig
from fedqmix.server.records import Outcome


def finished(summary: Mapping[str, Any], own: StopConfig, wanted: StopConfig) -> bool:
    """Return whether a run ended by itself as wanted, or with more environment steps.

    summary: the content of summary.json. own: the run's stop.* when it ended. wanted: the stop.* to compare with.
    """
    if summary.get("outcome") != Outcome.FINISHED:
        return False
    return own.env_steps >= wanted.env_steps and replace(own, env_steps=wanted.env_steps) == wanted
