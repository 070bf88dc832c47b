"""Batched worlds of users' own (env=own), and the names that their code needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedqmix.runtime.core.lazy import lazily

if TYPE_CHECKING:
    from fedqmix.envs.own.rules import Entities, Flat, Outcome, Rules, TeamSpec

__all__ = ["Entities", "Flat", "Outcome", "Rules", "TeamSpec"]

__getattr__ = lazily(__name__, "rules", __all__)
