"""The messages of a strategy: their plans, and how they are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.world import Purpose
from fedqmix.strategies.replies import agent_of, arrays_of, require_like_starts
from fedqmix.strategies.settings import StrategySettings

Plan = Mapping[str, int | float | bool | list[str]]
"""The instructions in a message, by the names of runtime.core.messages."""


def question(node: int, kind: str, round_: int, arrays: Mapping[str, Array], plan: Plan) -> Message:
    """Return a message with arrays and a plan. node: the agent's Flower node id. kind: Flower's message type."""
    content = RecordDict({m.ARRAYS: ArrayRecord(dict(arrays)), m.PLAN: ConfigRecord(dict(plan))})
    return Message(content, node, kind, group_id=str(round_))


def train_plan(settings: StrategySettings, round_: int, env_steps: int, tie_gradients: bool) -> Plan:
    """Return the plan of a round's training. env_steps: environment steps at which the run ends."""
    return {
        m.ROUND: round_,
        m.TRAINING_STEPS: settings.aggregation_interval,
        m.ENV_STEPS: env_steps,
        m.TIE_GRADIENTS: tie_gradients,
        m.PROXIMAL_MU: float(settings.proximal_mu),
        m.RESET_MOMENTS: settings.adam_moments == "reset",
    }


def evaluation_plan(round_: int, index: int, first: int, episodes: int, purposes: Sequence[Purpose]) -> Plan:
    """Return the plan of an evaluation. index: m.AGGREGATE or m.OWN_NETWORKS. first: number of the first episode."""
    return {
        m.ROUND: round_,
        m.INDEX: index,
        m.FIRST_EPISODE: first,
        m.EPISODES: episodes,
        m.PURPOSES: [purpose.value for purpose in purposes],
    }


def ask(grid: Grid, questions: list[Message]) -> list[Message]:
    """Send messages and return the replies. Raises FederationError for a node that failed."""
    replies = list(grid.send_and_receive(questions))
    for reply in replies:
        if reply.has_error():
            raise FederationError(f"node {reply.metadata.src_node_id} failed: {reply.error.reason}")
    return replies


def joined(grid: Grid, settings: StrategySettings, n_agents: int) -> tuple[list[int], list[ArrayRecord]]:
    """Ask all nodes for their agent index; return the agents' node ids and first shared parameters: [agents].

    Raises FederationError unless the nodes are exactly the agents 0 .. n_agents - 1, and begin alike.
    """
    plan = ConfigRecord({m.SHARED: list(settings.shared)})
    replies = ask(grid, [Message(RecordDict({m.PLAN: plan}), node, m.JOIN) for node in sorted(grid.get_node_ids())])
    found = {agent_of(reply): reply for reply in replies}
    if sorted(found) != list(range(n_agents)) or len(replies) != n_agents:
        answered = sorted(map(agent_of, replies))
        raise FederationError(f"agents 0 to {n_agents - 1} must each be there once; these answered: {answered}")
    starts = [arrays_of(found[agent]) for agent in range(n_agents)]
    require_like_starts(starts, settings.max_update)
    return [found[agent].metadata.src_node_id for agent in range(n_agents)], starts
