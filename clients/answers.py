"""The answers of a stack of agents to Flower messages.

In the local runtime, one stack answers the messages of the whole team at once. In deployment, each agent answers its
own message with a stack of one. A round needs all agents at the same time: World and Coordinator wait for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase

import numpy as np
import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict

from fedqmix.clients.acting import StepObserver
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.gradient_places import GradientPlaces
from fedqmix.clients.identity.answers import answer_identity
from fedqmix.clients.playing import play
from fedqmix.clients.rounds import RoundPlan, evaluate, train_round
from fedqmix.networks.base import Parameters
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.array_names import BUFFER, INITIAL, online_names
from fedqmix.runtime.core.coordinator import Coordinator
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.world import EVALUATIONS, EpisodeBatch, Purpose, World

MetricRows = Sequence[Mapping[str, int | float | list[float]]]


def answer(
    agents: AgentStack,
    world: World,
    coordinator: Coordinator,
    questions: Sequence[Message],
    observer: StepObserver | None = None,
) -> list[Message]:
    """Answer one message per agent of the stack, in the stack's order.

    questions: all of one type, with the same plan. observer: sees the evaluations of the aggregate.
    Raises FederationError when types or plans differ, or when a message is not valid.
    """
    kind = questions[0].metadata.message_type
    plan = questions[0].content.config_records[m.PLAN]
    if len(questions) != len(agents.agent_ids):
        raise FederationError(f"{len(agents.agent_ids)} agents were sent {len(questions)} messages")
    if any(q.metadata.message_type != kind or q.content.config_records[m.PLAN] != plan for q in questions):
        raise FederationError("the agents of one round were asked different things")
    if kind == m.JOIN:
        return _reply(questions, _own(agents, _names(agents, plan)), [{m.AGENT: agent} for agent in agents.agent_ids])
    arrays = _stacked([q.content.array_records[m.ARRAYS] for q in questions])
    buffers = _taken_out(arrays, plan, kind, BUFFER, m.BUFFERS)
    initial = _taken_out(arrays, plan, kind, INITIAL, m.INITIAL)
    if kind == m.IDENTITY:
        return _reply(questions, *answer_identity(agents, world, coordinator, plan))
    if kind == m.POLICY:
        with borrowed(agents, arrays):
            return _reply(questions, {}, _play_policy(agents, world, plan))
    if kind == MessageType.EVALUATE:
        agents.load(arrays)
        watched = plan.get(m.INDEX, m.AGGREGATE) == m.AGGREGATE
        return _reply(questions, {}, _evaluate(agents, world, plan, observer if watched else None))
    if kind == MessageType.TRAIN:
        if initial and agents.train_steps:
            raise FederationError("agents were sent parameters to begin with, and have begun")
        agents.load(initial)
        rows = _train(agents, world, coordinator, plan, arrays, buffers)
        return _reply(questions, _own(agents, tuple(arrays)), rows)
    raise FederationError(f"agents do not know messages of type {kind!r}")


@contextmanager
def borrowed(agents: AgentStack, arrays: dict[str, torch.Tensor]) -> Iterator[None]:
    """Load other online parameters for the duration of a context; restore the agents' own at its end."""
    own = {name: agents.online[name].detach().clone() for name in arrays if name in agents.online}
    agents.load(arrays)
    try:
        yield
    finally:
        agents.load(own)


def _train(
    agents: AgentStack,
    world: World,
    coordinator: Coordinator,
    plan: ConfigRecord,
    arrays: Parameters,
    buffers: Parameters,
) -> MetricRows:
    shared = tuple(online_names(arrays))
    kept = agents.kept_with(buffers)  # may be refused, before anything has changed
    round_plan = RoundPlan(
        _integer(plan, m.TRAINING_STEPS),
        _integer(plan, m.ENV_STEPS),
        bool(plan[m.TIE_GRADIENTS]),
        _proximal_mu(plan),
        shared,
        GradientPlaces.sent(kept, agents, _integer(plan, m.POOLED_SIZE) if m.POOLED_SIZE in plan else 0),
    )
    agents.load_aggregate(arrays)
    agents.buffers = kept
    if plan.get(m.RESET_MOMENTS, False):
        agents.train_state.reset_moments(shared)
    outcome = train_round(agents, world, coordinator, round_plan)
    common = {
        m.TRAIN_STEP: agents.train_steps,
        m.ENV_STEP: agents.env_steps,
        m.EPISODE: agents.episodes,
        m.BROKEN: outcome.broken,
    }
    return [
        common | {m.NUM_EXAMPLES: int(episodes), m.ACCUMULATED_REWARD: float(individual_returns)}
        for episodes, individual_returns in zip(outcome.played, outcome.individual_returns, strict=True)
    ]


def _evaluate(agents: AgentStack, world: World, plan: ConfigRecord, observer: StepObserver | None) -> MetricRows:
    """Play episodes of every purpose in the plan; the observer sees the first, which decides the win rate."""
    first, episodes, purposes = _integer(plan, m.FIRST_EPISODE), _integer(plan, m.EPISODES), _purposes(plan)
    played = [
        evaluate(agents, world, first, episodes, None if position else observer, purpose)
        for position, purpose in enumerate(purposes)
    ]
    row: dict[str, int | float | list[float]] = {
        m.NUM_EXAMPLES: episodes,
        m.WIN_RATE: [float(one.won.mean()) for one in played],
        m.EPISODE_LENGTH: [float(one.lengths.mean()) for one in played],
        m.BROKEN: sum(one.broken for one in played),
    }
    return [dict(row) for _ in agents.agent_ids]


def _play_policy(agents: AgentStack, world: World, plan: ConfigRecord) -> MetricRows:
    batch = EpisodeBatch(Purpose.POLICY, _integer(plan, m.FIRST_EPISODE), _integer(plan, m.EPISODES))
    played = play(agents, world, batch, epsilon=0.0)
    agents.env_steps += int(played.lengths.sum())  # they count like training's environment steps
    return [
        {
            m.NUM_EXAMPLES: int(episodes),
            m.ENV_STEP: agents.env_steps,
            m.ACCUMULATED_REWARD: float(individual_returns),
            m.BROKEN: played.broken,
        }
        for episodes, individual_returns in zip(played.played, played.individual_returns, strict=True)
    ]


def _names(agents: AgentStack, plan: ConfigRecord) -> tuple[str, ...]:
    patterns = plan[m.SHARED]
    assert isinstance(patterns, list)
    return tuple(name for name in agents.online if any(fnmatchcase(name, str(pattern)) for pattern in patterns))


def _stacked(records: Sequence[ArrayRecord]) -> dict[str, torch.Tensor]:
    names = list(records[0])
    if any(list(record) != names for record in records):
        raise FederationError("the agents of one round were sent different parameters")
    for name in names:
        if len({(record[name].dtype, tuple(record[name].shape)) for record in records}) > 1:
            raise FederationError(f"the agents of one round were sent {name} in different shapes or types")
    return {name: torch.from_numpy(np.stack([record[name].numpy() for record in records])) for name in names}


def _taken_out(
    arrays: dict[str, torch.Tensor], plan: ConfigRecord, kind: str, prefix: str, declaration: str
) -> Parameters:
    """Remove buffers, or initial parameters, from a message's arrays; return them by name, without the prefix.

    declaration: the plan's entry with their names.

    Raises FederationError unless the plan of a training message declares exactly these, with finite values.
    """
    found = [name for name in arrays if name.startswith(prefix)]
    declared = plan.get(declaration, [])
    if not isinstance(declared, list) or sorted(found) != sorted(map(str, declared)):
        raise FederationError(f"agents were sent the {declaration} {found}; the plan declares {declared!r}")
    if found and kind != MessageType.TRAIN:
        raise FederationError(f"agents were sent the {declaration} {found} with {kind}; only training may set them")
    for name in found:
        if not torch.isfinite(arrays[name]).all():
            raise FederationError(f"agents were sent {name} with values that are not finite")
    return {name.removeprefix(prefix): arrays.pop(name) for name in found}


def _own(agents: AgentStack, names: tuple[str, ...]) -> Parameters:
    known = agents.aggregable
    return {name: known[name] for name in names}


def _reply(questions: Sequence[Message], found: Mapping[str, torch.Tensor], rows: MetricRows) -> list[Message]:
    """Return an answer to each question. found: [agents, ...] by name."""
    replies = []
    for position, (question, row) in enumerate(zip(questions, rows, strict=True)):
        arrays = {name: Array(value[position].detach().cpu().numpy()) for name, value in found.items()}
        content = RecordDict({m.ARRAYS: ArrayRecord(arrays), m.METRICS: MetricRecord(dict(row))})
        replies.append(Message(content, reply_to=question))
    return replies


def _purposes(plan: ConfigRecord) -> list[Purpose]:
    names, known = plan[m.PURPOSES], [purpose.value for purpose in EVALUATIONS["both"]]
    if not isinstance(names, list) or not names or any(name not in known for name in names):
        raise FederationError(f"the plan's {m.PURPOSES} must be a list of {' or '.join(known)}, got {names!r}")
    return [Purpose(str(name)) for name in names]


def _proximal_mu(plan: ConfigRecord) -> float:
    value = plan.get(m.PROXIMAL_MU, 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise FederationError(f"the plan's {m.PROXIMAL_MU} must be a number of at least 0, got {value!r}")
    return float(value)


def _integer(plan: ConfigRecord, name: str) -> int:
    value = plan[name]
    if not isinstance(value, int):
        raise FederationError(f"the plan's {name} must be a whole number, got {value!r}")
    return value
