"""The question about identities: its plan, its figures, and the checks of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, Message
from flwr.serverapp import Grid

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.facts import Counted, Know
from fedqmix.runtime.core.world import Floats64, Purpose
from fedqmix.strategies.checks import Figure, read, wrong_figures
from fedqmix.strategies.known import played
from fedqmix.strategies.options import IdentitySettings
from fedqmix.strategies.questions import Plan, ask, question
from fedqmix.strategies.replies import arrays_of, in_agent_order, metrics_of

BEFORE_THE_FIRST = 0
"""The round of the question: it leaves every party as it is before the first round."""
MEAN = m.IDENTITY_MEAN


def identity_plan(settings: IdentitySettings) -> Plan:
    """Return the instructions of the question."""
    return {
        m.ROUND: BEFORE_THE_FIRST,
        m.FIRST_EPISODE: 0,
        m.EPISODES: settings.identity_episodes,
        m.TRAINING_STEPS: settings.identity_steps,
        m.IDENTITY_BATCH: settings.identity_batch,
        m.LATENT: settings.identity_latent,
        m.KL_WEIGHT: float(settings.identity_kl),
        m.AVERAGE_EVERY: settings.identity_average_every,
    }


def ask_identities(
    grid: Grid, nodes: Sequence[int], settings: IdentitySettings, facts: Know
) -> tuple[Floats64, list[float], Counted]:
    """Ask all agents for their identities.

    nodes: [agents], Flower node ids. facts: returns the world's counts of the question's episodes.
    Returns the means [agents, latent], the identity model's error over its training, a mean over the agents for each
    part, and the world's counts. Raises FederationError, naming the agent, for an answer that is not valid.
    """
    plan = identity_plan(settings)
    asked = [question(node, m.IDENTITY, BEFORE_THE_FIRST, ArrayRecord(), plan) for node in nodes]
    replies = in_agent_order(ask(grid, asked), nodes, BEFORE_THE_FIRST)
    (counted,) = played(facts(), [Purpose.IDENTITY])
    means, courses = [], []
    for agent, reply in enumerate(replies):
        known: dict[str, Figure] = {
            m.NUM_EXAMPLES: counted.episodes,
            m.BROKEN: counted.broken,
            m.ACCUMULATED_REWARD: counted.individual_returns[agent],
        }
        if (fault := wrong_figures(metrics_of(reply), known)) is not None:
            raise FederationError(f"agent {agent} {fault} after the question about identities. The run can be resumed.")
        means.append(_mean(agent, reply, settings.identity_latent))
        courses.append(_course(agent, reply))
    if len({len(course) for course in courses}) > 1:
        raise FederationError("the agents' answers about identities report errors of different numbers of parts.")
    return np.stack(means).astype(np.float64), np.mean(courses, axis=0).tolist(), counted


def _mean(agent: int, reply: Message, latent: int) -> Any:
    arrays = read(arrays_of(reply))
    if isinstance(arrays, str):
        raise FederationError(f"agent {agent} {arrays}.")
    found = arrays.get(MEAN)
    if list(arrays) != [MEAN] or found is None or found.dtype != np.float32 or found.shape != (latent,):
        raise FederationError(f"agent {agent} answered with other arrays than {MEAN}, float32 of shape [{latent}].")
    if not np.isfinite(found).all():
        raise FederationError(f"agent {agent} returned {MEAN} with values that are not finite.")
    return found


def _course(agent: int, reply: Message) -> list[float]:
    course = metrics_of(reply).get(m.IDENTITY_ERROR)
    if (
        not isinstance(course, list)
        or not course
        or not all(isinstance(one, float) and isfinite(one) for one in course)
    ):
        raise FederationError(f"agent {agent} did not report {m.IDENTITY_ERROR}, a list of finite numbers.")
    return [float(one) for one in course]
