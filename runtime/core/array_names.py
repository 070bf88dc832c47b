"""The names of the arrays in messages: a shared parameter's own, and those of what is aggregated beside it.

    fc.weight                    the parameter of the online network
    target.fc.weight             of the target network
    adam.exp_avg.fc.weight       Adam's first moment of the parameter
    adam.exp_avg_sq.fc.weight    Adam's second moment

Training messages may hold all of them; messages that let a team play hold parameters of online networks alone.
"""

from __future__ import annotations

from collections.abc import Iterable

TARGET = "target."
EXP_AVG = "adam.exp_avg."
EXP_AVG_SQ = "adam.exp_avg_sq."
PREFIXES = (TARGET, EXP_AVG, EXP_AVG_SQ)


def kind_of(name: str) -> str:
    """Return what an array is: the prefix of a target network or of a moment, empty for parameters."""
    return next((prefix for prefix in PREFIXES if name.startswith(prefix)), "")


def online_names(names: Iterable[str]) -> list[str]:
    """Return the names that are parameters of the online networks, in their order."""
    return [name for name in names if not name.startswith(PREFIXES)]
