"""The check of rows in teams whose size varies: agents that do not exist in an episode send zeros there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.existence import entries, zero_where_absent
from fedqmix.runtime.core.rows import Rows

Tensors = Mapping[str, torch.Tensor]


def without_absent(given: Tensors, declared: Rows, transitions: TeamTransitions) -> tuple[Tensors, torch.Tensor]:
    """Return the rows with zeros where an agent does not exist, and each agent's number of other values there.

    given: [agents, count, *shape] by name. declared: the algorithm's rows.
    Returns the rows, and counts [rows agents], row by row; the rows as given and no counts where all agents exist.
    """
    if transitions.exists is None:
        return given, transitions.rewards.new_zeros(0)
    order = transitions.timeline
    by_episode = transitions.exists[:, : order.batch]  # every episode has a first transition
    rows: dict[str, torch.Tensor] = {}
    counts = []
    for row in declared:
        value = given[row.name]
        rows[row.name] = zero_where_absent(value, entries(by_episode, order, row.per))
        strays = (value != 0) & (rows[row.name] == 0)  # NaN is a stray value too
        counts.append(strays.flatten(1).sum(1))
    return rows, torch.cat(counts)


def strangers(counts: Sequence[float], declared: Rows, step: int) -> dict[int, str]:
    """Return the agents that sent values where they do not exist, with the fault of each.

    counts: the output of `without_absent` as numbers. step: the training step, for messages.
    """
    found: dict[int, str] = {}
    agents = len(counts) // max(1, len(declared))
    for position, count in enumerate(counts):
        row, agent = declared[position // agents], position % agents
        if count:
            text = f"sent {int(count)} values of {row.name} at training step {step} for episodes in which it does not"
            found.setdefault(agent, f"{text} exist; they must be 0")
    return found
