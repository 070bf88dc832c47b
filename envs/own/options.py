"""The settings of env=own."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.envs.code_options import CodeOptions


@dataclass
class OwnOptions(CodeOptions):
    """The settings of a user's own world: its code, and the sizes that it has."""
