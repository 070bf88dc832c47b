"""The arrays of a world's time steps, empty."""

from __future__ import annotations

import numpy as np

from fedqmix.runtime.core.world import TeamSpec, TeamTimeStep, TimeStep


def allocate(spec: TeamSpec, count: int) -> tuple[TimeStep, TeamTimeStep]:
    """Return the agents' and the team's time step of `count` episodes, all zeros and False; every agent exists.

    Both share the flags of the episodes.
    """
    terminated, truncated, won, broken = np.zeros((4, count), np.bool_)
    exists = np.ones((spec.n_agents, count), np.bool_)
    time_step = TimeStep(
        np.zeros((spec.n_agents, count, spec.obs_dim), np.float32),
        np.zeros((spec.n_agents, count, spec.n_actions), np.bool_),
        np.zeros((spec.n_agents, count), np.float32),
        terminated,
        truncated,
        won,
        broken,
        exists,
    )
    state, team_reward = np.zeros((count, spec.state_dim), np.float32), np.zeros(count, np.float32)
    return time_step, TeamTimeStep(state, team_reward, terminated, truncated, won, broken, exists)
