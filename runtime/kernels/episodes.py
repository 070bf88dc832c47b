"""What kernels that play batches of episodes have in common: messages of their work queue, and the check of actions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedqmix.runtime.kernels.compile import Compiler

_kernel = Compiler(Path(__file__).parent, nogil=True, error_model="numpy", _nrt=False, forceinline=True).kernel

STEPPING, OPENING = 0, 1
"""The work queue's message (spinning.MESSAGE): episodes take an environment step, or begin."""

NOTHING = 0
"""The action that agents of an episode that is over take."""


@_kernel
def first_forbidden(
    actions: NDArray[np.int64],
    available: NDArray[np.bool_],
    terminated: NDArray[np.bool_],
    truncated: NDArray[np.bool_],
) -> tuple[int, int]:
    """Return (agent, episode) of the first action that is not available, else (-1, -1).

    actions: [agents, episodes]; available: [agents, episodes, n_actions]; terminated, truncated: [episodes]. Agents of
    episodes that are over may always take action 0.
    """
    for agent in range(actions.shape[0]):
        for e in range(actions.shape[1]):
            action = actions[agent, e]
            if action == NOTHING and (terminated[e] or truncated[e]):
                continue
            if action < 0 or action >= available.shape[2] or not available[agent, e, action]:
                return agent, e
    return -1, -1
