"""From what world and mixer know (runtime.core.facts) to the figures that an agent's reply must have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.facts import Counted, Facts
from fedqmix.runtime.core.world import Purpose
from fedqmix.strategies.checks import Figure

Known = Mapping[str, Figure]
"""Metric -> its value, by the names of runtime.core.messages."""


def training_battles(facts: Facts, n_agents: int) -> Counted:
    """Return the counts of a round's training battles; zeros when none was played."""
    return facts.counted.get(Purpose.TRAINING, Counted(0, 0, 0, 0, (0.0,) * n_agents))


def trained(facts: Facts, env_step: int, n_agents: int) -> list[Known]:
    """Return what each agent must say of a training round. env_step: environment steps of the run, this round's too."""
    battles, learned = training_battles(facts, n_agents), facts.learned
    common: dict[str, Figure] = {m.NUM_EXAMPLES: battles.battles, m.ENV_STEP: env_step, m.BROKEN: battles.broken}
    if learned is not None:
        common |= {m.TRAIN_STEP: learned.train_steps, m.EPISODE: learned.episodes}
    return [common | {m.ACCUMULATED_REWARD: individual_returns} for individual_returns in battles.individual_returns]


def played(facts: Facts, purposes: Sequence[Purpose]) -> list[Counted]:
    """Return what the world counted, by purpose. Raises FederationError when it saw no battle of one of them."""
    missing = [purpose.value for purpose in purposes if purpose not in facts.counted]
    if missing:
        raise FederationError(f"the agents say they played {' and '.join(missing)} battles; the world saw none.")
    return [facts.counted[purpose] for purpose in purposes]


def evaluated(counted: Sequence[Counted]) -> Known:
    """Return what every agent must say of an evaluation; counted: by purpose."""
    return {
        m.WIN_RATE: [one.win_rate for one in counted],
        m.EPISODE_LENGTH: [one.mean_length for one in counted],
        m.BROKEN: sum(one.broken for one in counted),
    }


def policy(battles: Counted, env_step: int) -> list[Known]:
    """Return what each agent must say of a policy's battles. env_step: as in `trained`."""
    common: dict[str, Figure] = {m.NUM_EXAMPLES: battles.battles, m.ENV_STEP: env_step, m.BROKEN: battles.broken}
    return [common | {m.ACCUMULATED_REWARD: individual_returns} for individual_returns in battles.individual_returns]
