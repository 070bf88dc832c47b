"""What a stand-in for another project's learner tells the test: which episodes it had in its hands."""

import json
import sys

import numpy as np


def digest(observations, legal, actions, state, rewards, terminated):
    """Say what an episode holds, in a few numbers that another order or a lost row would change.

    observations, legal, state: its length + 1 moments; actions, rewards, terminated: its length.
    """
    length = len(rewards)
    numbers = [length]
    for rows in (observations, legal, actions, state, rewards, terminated):
        flat = np.asarray(rows, np.float64).reshape(len(rows), -1)
        numbers.append(float((flat * np.arange(1, flat.shape[1] + 1)).sum(1) @ np.arange(1, len(rows) + 1)))
    return numbers


def tell(what, value):
    """Print it where the test looks."""
    print(f"{what} {json.dumps(value)}", file=sys.stderr, flush=True)
