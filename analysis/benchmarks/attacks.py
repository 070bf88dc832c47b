"""Attacks: changes to a dishonest agent's training replies on their way to the strategy.

theta are the parameters that the agent was sent, theta' those that it honestly trained, u = theta' - theta.

    honest       theta'
    sign_flip    theta - u: the opposite update
    times_100    theta + 100 u
    noise        theta + |u| g / |g|, g drawn from a normal distribution: an honest norm in a random direction
    stale        theta: no update
    reward_lie   theta', and 1000 times the individual return

Attacks change the parameters alone, not target networks and moments. Norms are 2-norms over all parameters together.
The agent is otherwise honest: it acts, and sends its own Q-values and gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MessageType
from numpy.typing import NDArray

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.array_names import online_names
from fedqmix.runtime.core.seeds import generator
from fedqmix.strategies.local_grid import Answer

Named = Mapping[str, NDArray[Any]]
Attack = Callable[[Named, Named, np.random.Generator], Named]
"""Function (theta, u, generator) -> the parameters that the agent returns, in float64."""

HONEST, REWARD_LIE = "honest", "reward_lie"
TIMES = 1000
"""Factor of a false reward."""


def _moved(theta: Named, update: Named, factor: float) -> Named:
    return {name: value + factor * update[name] for name, value in theta.items()}


def _noise(theta: Named, update: Named, draws: np.random.Generator) -> Named:
    drawn = {name: draws.standard_normal(value.shape) for name, value in theta.items()}
    return _moved(theta, drawn, _norm(update) / _norm(drawn))


ATTACKS: dict[str, Attack] = {
    HONEST: lambda theta, update, draws: _moved(theta, update, 1),
    "sign_flip": lambda theta, update, draws: _moved(theta, update, -1),
    "times_100": lambda theta, update, draws: _moved(theta, update, 100),
    "noise": _noise,
    "stale": lambda theta, update, draws: theta,
    REWARD_LIE: lambda theta, update, draws: _moved(theta, update, 1),
}


def lying(attack: str, liar: int, seed: int) -> Callable[[Answer], Answer]:
    """Return a wrapper of replies (runtime.runs.local.train.Around) that applies an attack.

    attack: a key of ATTACKS. liar: index of the dishonest agent. seed: of the noise.
    """

    def around(answers: Answer) -> Answer:
        def lie(questions: Sequence[Message]) -> list[Message]:
            replies = answers(questions)
            if attack != HONEST and questions[liar].metadata.message_type == MessageType.TRAIN:
                _lie(attack, questions[liar], replies[liar], seed)
            return replies

        return lie

    return around


def _lie(attack: str, question: Message, reply: Message, seed: int) -> None:
    """Apply an attack to a training reply, in place.

    Its arrays have the names of the question's.
    """
    if attack == REWARD_LIE:
        metrics = reply.content.metric_records[m.METRICS]
        metrics[m.ACCUMULATED_REWARD] = TIMES * float(cast(float, metrics[m.ACCUMULATED_REWARD]))
        return
    sent, trained = question.content.array_records[m.ARRAYS], reply.content.array_records[m.ARRAYS]
    theta = {name: sent[name].numpy().astype(np.float64) for name in online_names(trained)}
    update = {name: trained[name].numpy() - value for name, value in theta.items()}
    draws = generator(seed, "attack", int(cast(int, question.content.config_records[m.PLAN][m.ROUND])))
    changed = ATTACKS[attack](theta, update, draws)
    false = {name: Array(value.astype(trained[name].dtype)) for name, value in changed.items()}
    reply.content[m.ARRAYS] = ArrayRecord({name: false.get(name, array) for name, array in trained.items()})


def _norm(named: Named) -> float:
    return float(np.sqrt(sum(float(np.square(value).sum()) for value in named.values())))
