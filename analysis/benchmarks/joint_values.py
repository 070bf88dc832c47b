"""What a trained team thinks of every joint action of a small game: Q_total beside the payoffs and the agents' values.

The team plays every sequence of joint actions once, and both halves of its algorithm compute from these episodes what
they compute in a training step. So any algorithm that has `TeamHalf.joint_values` can be looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch

from fedqmix.clients.buffer import PlayedEpisodes, add_episodes, empty_columns, sample_episodes
from fedqmix.clients.learning import agent_rows
from fedqmix.conf.fields import with_known
from fedqmix.conf.schema import Config
from fedqmix.envs import make_world, team_spec
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import EpisodeBatch, Floats, Integers, Purpose, World
from fedqmix.runtime.runs.lifecycle.resuming import AGGREGATE
from fedqmix.runtime.runs.lifecycle.sides import AgentSide, MixerSide, stacked
from fedqmix.runtime.storage.reading import Checkpoint

MOST = 4096
"""The most sequences of joint actions."""
Joint = tuple[int, ...]


class Values(NamedTuple):
    """The values of all sequences of joint actions, one episode each."""

    plays: Integers  # [agents, steps, episodes], the actions
    rewards: Floats  # [steps, episodes], the team's
    states: Floats  # [steps, episodes, state_dim], before each action
    own: Floats  # [agents, steps, episodes], each agent's value of its action
    joint: dict[str, Floats]  # [outputs, steps, episodes] by name, see TeamHalf.joint_values


def values_of(config: Config, checkpoint: Checkpoint) -> Values:
    """Compute the values of a run's networks in a game where all actions are available and nothing is drawn.

    Raises ConfigurationError when the game has too many joint actions, CheckpointError when the checkpoint belongs to
    another team.
    """
    spec = team_spec(config.map, config.env)
    count = spec.n_actions ** (spec.n_agents * spec.episode_limit)
    if count > MOST:
        raise ConfigurationError(f"map={config.map} has {count} sequences of joint actions; at most {MOST} are listed.")
    config.algorithm = with_known(config.algorithm, buffer_size=count)
    agents, mixer = AgentSide(config, spec, range(spec.n_agents)), MixerSide(config, spec)
    agents.load_networks(checkpoint.tensors, checkpoint.path)
    mixer.load_networks(checkpoint.tensors, checkpoint.path)
    agents.agents.load_aggregate(stacked(checkpoint.tensors.get(AGGREGATE, {}), spec.n_agents))
    joint = list(product(range(spec.n_actions), repeat=spec.n_agents))
    plays = np.array(list(product(joint, repeat=spec.episode_limit))).transpose(2, 1, 0).copy()
    world = make_world(config.map, config.seed, config.env, mixer.records)
    try:
        add_episodes(agents.agents.ring, played(world, plays))
    finally:
        world.close()
    slots = np.arange(count)
    with torch.no_grad():
        rows = agent_rows(agents.agents, sample_episodes(agents.agents.ring, slots)).rows
        transitions = mixer.records.sample(slots)
        found = mixer.learner.half.joint_values(rows, transitions)
    shape = (spec.episode_limit, count)
    states = transitions.states[torch.from_numpy(transitions.rows)].reshape(*shape, spec.state_dim)
    own = rows["q_taken"].reshape(spec.n_agents, *shape)
    values = {name: value.reshape(-1, *shape).cpu().numpy() for name, value in found.items()}
    return Values(
        plays, transitions.rewards.reshape(shape).cpu().numpy(), states.cpu().numpy(), own.cpu().numpy(), values
    )


def played(world: World, plays: Integers) -> PlayedEpisodes:
    """Play given actions. plays: [agents, steps, episodes], all steps of every episode."""
    agents, steps, episodes = plays.shape
    observations, available, actions = empty_columns(agents, episodes, world.spec)
    time_step = world.begin(EpisodeBatch(Purpose.TRAINING, 0, episodes))
    for time in range(steps + 1):
        observations[:, time], available[:, time] = time_step.observations, time_step.available_actions
        if time < steps:
            actions[:, time] = plays[:, time]
            time_step = world.step(np.ascontiguousarray(plays[:, time]))
    lengths = np.full(episodes, steps, np.int64)
    return PlayedEpisodes(observations, available, actions, lengths, np.zeros((agents, episodes)), time_step.won.copy())


def described(values: Values, names: Sequence[str]) -> dict[str, Any]:
    """Return the values as JSON: the situations, and the greedy joint actions with their return.

    names: of the state's numbers, one of which is 1 in each situation.
    """
    greedy, total = greedy_play(values)
    return {"situations": situations(values, names), "greedy": greedy, "return": total, "best": best_return(values)}


def situations(values: Values, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return each situation's payoffs and values by joint action, nested as deep as there are agents.

    Where several histories lead to a situation, the values after the first of them are listed.
    """
    n_agents, steps, episodes = values.plays.shape
    n_actions = int(values.plays.max()) + 1
    found: dict[str, dict[str, Any]] = {}
    for step in range(steps):
        after = (n_actions**n_agents) ** (steps - step - 1)  # episodes that differ in later actions alone
        block = after * n_actions**n_agents
        for first in range(0, episodes, block):
            name = names[int(values.states[step, first].argmax())]
            chosen = slice(first, first + block, after)
            table = (n_actions,) * n_agents
            found.setdefault(
                name,
                {
                    "name": name,
                    "payoffs": values.rewards[step, chosen].reshape(table).tolist(),
                    "values": {
                        kind: value[:, step, chosen].sum(0).reshape(table).tolist()
                        for kind, value in values.joint.items()
                    },
                    "own": _own(values, step, chosen, n_actions),
                },
            )
    return list(found.values())


def greedy_play(values: Values) -> tuple[list[list[int]], float]:
    """Return the joint actions in which every agent takes its best, the first of equals, and their return."""
    n_agents, steps, episodes = values.plays.shape
    n_actions = int(values.plays.max()) + 1
    first, block, greedy = 0, episodes, []
    for step in range(steps):
        after = block // n_actions**n_agents
        own = np.array(_own(values, step, slice(first, first + block, after), n_actions))
        joint = own.argmax(1)
        greedy.append(joint.tolist())
        first += after * int(np.ravel_multi_index(tuple(joint), (n_actions,) * n_agents))
        block = after
    return greedy, float(values.rewards[:, first].sum())


def best_return(values: Values) -> float:
    """Return the largest return of all sequences of joint actions."""
    return float(values.rewards.sum(0).max())


def _own(values: Values, step: int, chosen: slice, n_actions: int) -> list[list[float]]:
    """Return each agent's value of each action, [agents][n_actions]. chosen: an episode for each joint action."""
    taken, own = values.plays[:, step, chosen], values.own[:, step, chosen]
    return [
        [float(own[agent][taken[agent] == action][0]) for action in range(n_actions)] for agent in range(len(taken))
    ]
