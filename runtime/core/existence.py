"""Teams whose size varies: which agents exist in an episode, and what their absence means for rows and means.

An agent that does not exist in an episode sends zeros in every row of its transitions and moments, gets no gradient
from them, and counts in no mean over agents. Where all agents exist, `exists` is None and nothing is computed.
"""

from __future__ import annotations

from typing import Literal

import torch

from fedqmix.runtime.core.timeline import Timeline


def entries(exists: torch.Tensor, order: Timeline, per: Literal["transition", "moment"]) -> torch.Tensor:
    """Return whether the agent of each entry of a row exists: [agents, order.transitions or order.moments] bool.

    exists: [agents, batch] bool. per: as the row declares it (runtime.core.rows.Row).
    """
    episodes = order.moment_episode if per == "moment" else order.moment_episode[order.taken]
    return exists.index_select(1, torch.from_numpy(episodes).to(exists.device))


def zero_where_absent(row: torch.Tensor, exists: torch.Tensor) -> torch.Tensor:
    """Return a row with zeros where its agent does not exist; no gradient passes there.

    row: [agents, count, *shape]. exists: [agents, count] bool.
    """
    return row.masked_fill(~exists.view(*exists.shape, *[1] * (row.ndim - 2)), 0)


def mean_over_existing(values: torch.Tensor, exists: torch.Tensor | None) -> torch.Tensor:
    """Return the mean over agents of each agent's mean over the transitions in which it exists.

    An agent that exists in none is left out; with no agent at all, the mean is 0. Values of the team, which have one
    row where there are several agents, are averaged over all transitions.
    values: [agents or 1, transitions]. exists: [agents, transitions] bool; None: all exist.
    """
    if exists is None or len(values) != len(exists):
        return values.mean()
    own = own_means(values, exists)
    return own.sum() / exists.any(1).sum().clamp(min=1)


def own_means(values: torch.Tensor, exists: torch.Tensor) -> torch.Tensor:
    """Return each agent's mean over the transitions in which it exists, 0 where it exists in none: [agents].

    values, exists: [agents, transitions].
    """
    return values.masked_fill(~exists, 0).sum(1) / exists.sum(1).clamp(min=1)
