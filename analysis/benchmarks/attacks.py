"""What a dishonest agent does with its training replies, between a real team and a real strategy.

theta are the parameters that the agent was sent, theta' those that it honestly trained, u = theta' - theta.

    honest       theta'
    sign_flip    theta - u: the opposite of what was learned
    times_100    theta + 100 u
    noise        theta + |u| g / |g|, g drawn from a normal distribution: as long as an honest update, in no direction
    stale        theta: what it was sent, as if it had not trained
    reward_lie   theta', and 1000 times the reward that it earned

Attacks change the parameters alone, and nothing of what is aggregated beside them. The norms are 2-norms over all
parameters together. All else of the agent is honest: it plays, and its Q-values and gradients are its own.
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
"""(theta, u, random numbers) -> the parameters that are sent, in float64."""

HONEST, REWARD_LIE = "honest", "reward_lie"
TIMES = 1000
"""By how much a lie about the reward is larger than the reward."""


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
    """Return what stands between a team and the server (runtime.runs.local.train.Around), so that an agent lies.

    attack: one of ATTACKS. liar: index of the agent. seed: of the noise.
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
    """Change a training reply; the names of its arrays are those of the question."""
    if attack == REWARD_LIE:
        metrics = reply.content.metric_records[m.METRICS]
        metrics[m.ACCUMULATED_REWARD] = TIMES * float(cast(float, metrics[m.ACCUMULATED_REWARD]))
        return
    sent, trained = question.content.array_records[m.ARRAYS], reply.content.array_records[m.ARRAYS]
    theta = {name: sent[name].numpy().astype(np.float64) for name in online_names(trained)}
    update = {name: trained[name].numpy() - value for name, value in theta.items()}
    draws = generator(seed, "attack", int(cast(int, question.content.config_records[m.PLAN][m.ROUND])))
    changed = ATTACKS[attack](theta, update, draws)
    said = {name: Array(value.astype(trained[name].dtype)) for name, value in changed.items()}
    reply.content[m.ARRAYS] = ArrayRecord({name: said.get(name, array) for name, array in trained.items()})


def _norm(named: Named) -> float:
    return float(np.sqrt(sum(float(np.square(value).sum()) for value in named.values())))
