"""The layout of observations and states: sizes, names, and the order of shuffled observations.

An observation is [velocity (2), position (2), landmark 0 - position (2), landmark 1 - position (2), ...], 4 + 2 C
numbers for C groups. It holds neither the agent's group nor the other agents.
The state is [velocity (2), position (2)] of each agent, then each landmark's position, 4 N + 2 C numbers for N agents.
Together with the actions it determines the rest of the episode. With obs_instead_of_state it is all observations
(EPyMARL's rule for such worlds), N (4 + 2 C) numbers, which repeat each landmark N times.
"""

from __future__ import annotations

import random

import numpy as np

from fedqmix.envs.bps.options import BpsOptions
from fedqmix.envs.bps.tasks import Task, find_task
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import Integers, Score, TeamSpec

N_ACTIONS = 5
OWN = ("velocity_x", "velocity_y", "position_x", "position_y")


def spec_of(name: str, options: BpsOptions) -> TeamSpec:
    """Return the sizes and names of a task's observations and states. Raises ConfigurationError as `find_task`."""
    task = find_task(name, options)
    groups = range(len(task.sizes))
    seen = (*OWN, *(f"to_landmark_{group}_{axis}" for group in groups for axis in "xy"))
    if task.shuffled:  # the entries mean something else in every group
        seen = tuple(f"shuffled_{number}" for number in range(len(seen)))
    agents = range(len(task.groups))
    if options.obs_instead_of_state:
        state = [f"agent_{agent}_{entry}" for agent in agents for entry in seen]
    else:
        state = [f"agent_{agent}_{entry}" for agent in agents for entry in OWN]
        state += [f"landmark_{group}_{axis}" for group in groups for axis in "xy"]
    return TeamSpec(
        map=name,
        n_agents=len(agents),
        n_actions=N_ACTIONS,
        observation=Flat(len(seen), seen),
        state=Flat(len(state), tuple(state)),
        episode_limit=options.episode_limit,
        score=Score.RETURN,
    )


def observation_order(task: Task) -> Integers:
    """Return which entry of the plain observation stands at each index of a group's: [groups, obs_dim].

    Group g's shuffled order is that of `random.Random(g).shuffle`, the same in every episode and run.
    """
    orders = np.tile(np.arange(len(OWN) + 2 * len(task.sizes)), (len(task.sizes), 1))
    if task.shuffled:
        for group, order in enumerate(orders):
            shuffled = order.tolist()
            random.Random(group).shuffle(shuffled)
            order[:] = shuffled
    return orders
