"""The metrics that replies must report, from the counts of world and mixer (core.facts)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.facts import Counted, Facts
from fedqmix.runtime.core.world import Purpose
from fedqmix.strategies.checks import Figure

Known = Mapping[str, Figure]
"""Metric name (runtime.core.messages) -> its value."""


def training_counts(facts: Facts, n_agents: int) -> Counted:
    """Return the counts of a round's training episodes; zeros when none was played."""
    return facts.counted.get(Purpose.TRAINING, Counted(0, 0, 0, 0, (0.0,) * n_agents))


def trained(facts: Facts, env_step: int, n_agents: int) -> list[Known]:
    """Return the metrics that each agent must report after a training round: [agents].

    env_step: environment steps of the run, including this round's.
    """
    counted, learned = training_counts(facts, n_agents), facts.learned
    common: dict[str, Figure] = {m.ENV_STEP: env_step, m.BROKEN: counted.broken}
    if learned is not None:
        common |= {m.TRAIN_STEP: learned.train_steps, m.EPISODE: learned.episodes}
    return [{**common, **own} for own in _of_agents(counted)]


def played(facts: Facts, purposes: Sequence[Purpose]) -> list[Counted]:
    """Return the world's counts by purpose.

    Raises FederationError when the world played no episode of a purpose.
    """
    missing = [purpose.value for purpose in purposes if purpose not in facts.counted]
    if missing:
        raise FederationError(f"the agents reported {' and '.join(missing)} episodes; the world played none.")
    return [facts.counted[purpose] for purpose in purposes]


def evaluated(counted: Sequence[Counted]) -> Known:
    """Return the metrics that every agent must report after an evaluation. counted: by purpose."""
    return {
        m.WIN_RATE: [one.win_rate for one in counted],
        m.EPISODE_LENGTH: [one.mean_length for one in counted],
        m.BROKEN: sum(one.broken for one in counted),
    }


def policy(counted: Counted, env_step: int) -> list[Known]:
    """Return the metrics that each agent must report after a policy's episodes.

    env_step: as in `trained`.
    """
    common: dict[str, Figure] = {m.ENV_STEP: env_step, m.BROKEN: counted.broken}
    return [{**common, **own} for own in _of_agents(counted)]


def _of_agents(counted: Counted) -> list[dict[str, Figure]]:
    """Return each agent's own metrics: the episodes that it played, and what it earned in them."""
    own = zip(counted.played_by_agent, counted.individual_returns, strict=True)
    return [{m.NUM_EXAMPLES: episodes, m.ACCUMULATED_REWARD: earned} for episodes, earned in own]
