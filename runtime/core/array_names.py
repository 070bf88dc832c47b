"""The names of the arrays in messages: shared parameters, and arrays aggregated with them.

    fc.weight                    the parameter of the online network
    target.fc.weight             the parameter of the target network
    adam.exp_avg.fc.weight       Adam's first moment of the parameter
    adam.exp_avg_sq.fc.weight    Adam's second moment of the parameter
    buffer.mask.fc.weight        an array that the agent keeps and neither trains nor returns
    initial.fc.weight            a parameter that the agent keeps for itself: only with a run's first training message
    buffer.places.fc.weight      such an array: the places of the parameter's gradient in the team's pooled one

Training messages may hold all of them; evaluation and policy messages hold only parameters of online networks. A
training message declares its buffers and initial parameters in its plan (runtime.core.messages.BUFFERS, INITIAL).
"""

from __future__ import annotations

from collections.abc import Iterable

TARGET = "target."
EXP_AVG = "adam.exp_avg."
EXP_AVG_SQ = "adam.exp_avg_sq."
PREFIXES = (TARGET, EXP_AVG, EXP_AVG_SQ)
BUFFER = "buffer."
INITIAL = "initial."
PLACES = "places."
"""The beginning of a buffer's name: the places of a parameter's gradient (clients.gradient_places)."""


RESERVED = (*PREFIXES, BUFFER, INITIAL, "agents-", "server.")
"""The beginnings of names that no network's parameter may have: these name other arrays in messages and checkpoints."""


def kind_of(name: str) -> str:
    """Return an array's kind: the prefix of a target network or of a moment, empty for parameters."""
    return next((prefix for prefix in PREFIXES if name.startswith(prefix)), "")


def parameter_of(name: str) -> str:
    """Return the parameter that an array belongs to: its own name without a prefix."""
    return name.removeprefix(kind_of(name))


def online_names(names: Iterable[str]) -> list[str]:
    """Return the names of the online networks' parameters, in the given order."""
    return [name for name in names if not name.startswith(PREFIXES)]
