"""The rules of blind-particle spread, compiled: starts, motion, rewards, observations and the state.

The rules are those of the Multi-Particle Environments (Lowe et al. 2017, arXiv 1706.02275) with `large_spread`'s
teams (Christianos et al. 2021, arXiv 2102.07475). Particles have mass 1, and there are neither collisions nor walls.
Numbers are float64; observations, states and rewards are rounded to float32 once, when they are written.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.bps.compile import inner, kernel
from fedqmix.runtime.core.world import Floats, Floats64, Integers
from fedqmix.runtime.kernels.episodes import STEPPING
from fedqmix.runtime.kernels.spinning import MESSAGE, WorkQueue, claim, take_part
from fedqmix.runtime.kernels.splitmix import advance, begin_stream, fraction

NOTHING, LEFT, RIGHT, DOWN, UP = range(5)
"""The actions: no force, or a force along an axis (-x, +x, -y, +y)."""

TIME_STEP = 0.1
KEPT = 0.75  # share of the velocity that damping leaves after an environment step
PUSH = 0.5  # change of the velocity by a force of 5 in one environment step
AGENTS_REACH, LANDMARKS_REACH = 1.0, 3.0  # starts are uniform in [-reach, reach) along both axes
REWARD = -0.5  # of an agent at distance 1 from its landmark (large_spread's local_ratio is 0.5)


class Rules(NamedTuple):
    """A task as the compiled code reads it."""

    groups: Integers  # [agents], the group of each agent, which is the number of its landmark
    places: Integers  # [groups, obs_dim], the index in a group's observation of each entry of the plain one
    cooperative: bool
    obs_instead_of_state: bool


class Particles(NamedTuple):
    """All particles of a batch of episodes."""

    keys: NDArray[np.uint64]  # [episodes], fix the starts
    positions: Floats64  # [episodes, agents, 2]
    velocities: Floats64  # [episodes, agents, 2]
    landmarks: Floats64  # [episodes, groups, 2]


class Views(NamedTuple):
    """The arrays of a TimeStep and a TeamTimeStep, into which the kernel writes."""

    observations: Floats  # [agents, episodes, obs_dim]
    state: Floats  # [episodes, state_dim]
    individual_rewards: Floats  # [agents, episodes]
    team_reward: Floats  # [episodes]


@kernel
def play(rules: Rules, particles: Particles, actions: Integers, views: Views, queue: WorkQueue, seat: int) -> None:
    """Begin the work queue's episodes, or advance them by one environment step.

    actions: [agents, episodes], 0 <= action < 5; not read when the episodes begin.
    queue, seat: as in runtime.kernels.spinning.
    """
    while take_part(queue, seat):
        first, last = claim(queue, seat)
        while first < last:
            for e in range(first, last):
                if queue[MESSAGE] == STEPPING:
                    move(particles, actions, e)
                    write_rewards(rules, particles, views, e)
                else:
                    draw_starts(particles, e)
                    clear_rewards(views, e)
                write_observations(rules, particles, views, e)
                write_state(rules, particles, views, e)
            first, last = claim(queue, seat)


@inner
def draw_starts(particles: Particles, e: int) -> None:
    """Draw where the agents and landmarks of episode e are; the agents rest."""
    n_agents = particles.positions.shape[1]
    for agent in range(n_agents):
        draw_position(particles.keys[e], agent, AGENTS_REACH, particles.positions, e, agent)
        particles.velocities[e, agent, 0] = particles.velocities[e, agent, 1] = 0.0
    for group in range(particles.landmarks.shape[1]):
        draw_position(particles.keys[e], n_agents + group, LANDMARKS_REACH, particles.landmarks, e, group)


@inner
def draw_position(key: np.uint64, stream: int, reach: float, positions: Floats64, e: int, number: int) -> None:
    """Draw a position uniformly, from a stream of the episode's key."""
    state = begin_stream(key, stream)
    for axis in range(2):
        state = advance(state)
        positions[e, number, axis] = (2.0 * fraction(state) - 1.0) * reach


@inner
def move(particles: Particles, actions: Integers, e: int) -> None:
    """Move the agents of episode e by one environment step: v <- 0.75 v + 0.1 F, then p <- p + 0.1 v."""
    positions, velocities = particles.positions, particles.velocities
    for agent in range(positions.shape[1]):
        x, y = KEPT * velocities[e, agent, 0], KEPT * velocities[e, agent, 1]
        action = actions[agent, e]
        if action == LEFT:
            x -= PUSH
        elif action == RIGHT:
            x += PUSH
        elif action == DOWN:
            y -= PUSH
        elif action == UP:
            y += PUSH
        velocities[e, agent, 0], velocities[e, agent, 1] = x, y
        positions[e, agent, 0] += TIME_STEP * x
        positions[e, agent, 1] += TIME_STEP * y


@inner
def clear_rewards(views: Views, e: int) -> None:
    """Write rewards of 0 for episode e."""
    views.team_reward[e] = 0.0
    for agent in range(views.individual_rewards.shape[0]):
        views.individual_rewards[agent, e] = 0.0


@inner
def write_rewards(rules: Rules, particles: Particles, views: Views, e: int) -> None:
    """Write the rewards of episode e.

    An agent's own reward is -0.5 times the distance to its landmark; the team's is their sum, in agent order. In the
    cooperative variant each agent's own reward is the team's.
    """
    team = 0.0
    for agent in range(rules.groups.shape[0]):
        landmark = rules.groups[agent]
        x = particles.landmarks[e, landmark, 0] - particles.positions[e, agent, 0]
        y = particles.landmarks[e, landmark, 1] - particles.positions[e, agent, 1]
        own = REWARD * sqrt(x * x + y * y)
        team += own
        views.individual_rewards[agent, e] = own
    views.team_reward[e] = team
    if rules.cooperative:
        for agent in range(rules.groups.shape[0]):
            views.individual_rewards[agent, e] = team


@inner
def write_observations(rules: Rules, particles: Particles, views: Views, e: int) -> None:
    """Write the observations of episode e, in the order of each agent's group."""
    observations, places = views.observations, rules.places
    for agent in range(rules.groups.shape[0]):
        group = rules.groups[agent]
        for axis in range(2):
            position = particles.positions[e, agent, axis]
            observations[agent, e, places[group, axis]] = particles.velocities[e, agent, axis]
            observations[agent, e, places[group, 2 + axis]] = position
            for landmark in range(particles.landmarks.shape[1]):
                to_landmark = particles.landmarks[e, landmark, axis] - position
                observations[agent, e, places[group, 4 + 2 * landmark + axis]] = to_landmark


@inner
def write_state(rules: Rules, particles: Particles, views: Views, e: int) -> None:
    """Write the state of episode e (layout.py), after its observations."""
    state, n_agents = views.state, rules.groups.shape[0]
    if rules.obs_instead_of_state:
        obs_dim = rules.places.shape[1]
        for agent in range(n_agents):
            for entry in range(obs_dim):
                state[e, agent * obs_dim + entry] = views.observations[agent, e, entry]
        return
    for axis in range(2):
        for agent in range(n_agents):
            state[e, 4 * agent + axis] = particles.velocities[e, agent, axis]
            state[e, 4 * agent + 2 + axis] = particles.positions[e, agent, axis]
        for landmark in range(particles.landmarks.shape[1]):
            state[e, 4 * n_agents + 2 * landmark + axis] = particles.landmarks[e, landmark, axis]
