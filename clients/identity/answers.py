"""The answer of a stack of agents to the server's question about identities (runtime.core.messages.IDENTITY).

The whole identification is one question: play random episodes, train the identity model, and return each agent's mean
with the course of its error. So an agent that is killed costs the attempt, and nothing of it need be stored.
"""

from __future__ import annotations

import itertools
import math

import torch
from flwr.app import ConfigRecord

from fedqmix.clients.agents import AgentStack
from fedqmix.clients.identity.training import IdentityPlan, IdentityTraining
from fedqmix.clients.identity.transitions import play_randomly
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.coordinator import Coordinator
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.world import World

PARTS = 10
"""The number of means in the course of the error, each over as many gradient steps."""
MOST = {m.LATENT: 256, m.IDENTITY_BATCH: 4096, m.EPISODES: 100_000, m.TRAINING_STEPS: 10_000_000}
"""The largest numbers that an agent accepts in a plan: a server could otherwise fill its memory."""

Rows = list[dict[str, int | float | list[float]]]


def answer_identity(
    agents: AgentStack, world: World, coordinator: Coordinator, plan: ConfigRecord
) -> tuple[dict[str, torch.Tensor], Rows]:
    """Learn the identities of a stack; return the means, [agents, latent] by name, and metrics.

    The episodes are not stored, and do not count as training's. Raises FederationError when the plan is not valid.
    """
    asked = IdentityPlan(
        latent=_number(plan, m.LATENT, 1),
        kl_weight=_weight(plan),
        batch=_number(plan, m.IDENTITY_BATCH, 1),
        average_every=_number(plan, m.AVERAGE_EVERY, 0),
    )
    first, episodes = _number(plan, m.FIRST_EPISODE, 0), _number(plan, m.EPISODES, 1)
    steps = _number(plan, m.TRAINING_STEPS, PARTS)
    transitions, played = play_randomly(agents, world, first, episodes)
    training = IdentityTraining(agents, asked, transitions)
    bounds = [steps * part // PARTS for part in range(PARTS + 1)]
    parts = [training.train(end - begin, coordinator) for begin, end in itertools.pairwise(bounds)]
    courses = torch.stack(parts, dim=1).tolist()  # [agents, PARTS]
    rows: Rows = [
        {
            m.NUM_EXAMPLES: episodes,
            m.ACCUMULATED_REWARD: float(individual_return),
            m.BROKEN: played.broken,
            m.IDENTITY_ERROR: course,
        }
        for individual_return, course in zip(played.individual_returns, courses, strict=True)
    ]
    return {m.IDENTITY_MEAN: training.means}, rows


def _number(plan: ConfigRecord, name: str, low: int) -> int:
    value, high = plan[name], MOST.get(name, 2**60)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise FederationError(f"the plan's {name} must be a whole number from {low} to {high}, got {value!r}")
    return value


def _weight(plan: ConfigRecord) -> float:
    value = plan[m.KL_WEIGHT]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise FederationError(f"the plan's {m.KL_WEIGHT} must be a number of at least 0, got {value!r}")
    return float(value)
