"""The tasks of the multi-robot warehouse: their names, and the changes that settings make to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from fedqmix.envs.rware.grid import Grid, make_grid
from fedqmix.envs.rware.options import MOST_COLOURS, RwareOptions
from fedqmix.runtime.core.errors import ConfigurationError

SIZES: Mapping[str, tuple[int, int]] = {"tiny": (1, 3), "small": (2, 3), "medium": (2, 5), "large": (3, 5)}
"""Size -> rows and columns of blocks of shelves."""
REQUESTS: Mapping[str, float] = {"-easy": 2, "": 1, "-hard": 0.5}
"""Difficulty -> requested shelves per agent."""
MOST_AGENTS = 64

TASKS = (
    "rware-tiny-2ag-v2",
    "rware-tiny-4ag-v2",
    "rware-small-4ag-v2",
    "rware-small-4ag-hard-v2",
    "rware-medium-4ag-v2",
    "rware-medium-8ag-easy-v2",
    "rware-large-8ag-v2",
    "rware-2color-tiny-4ag-v1",
    "rware-2color-small-8ag-v1",
    "rware-2color-medium-16ag-v1",
)
"""The common ones; all names of the pattern are valid."""

_NAME = re.compile(r"rware-(?:(\d)color-)?(tiny|small|medium|large)-([1-9]\d{0,2})ag(-easy|-hard)?-v([12])", re.ASCII)
_PATTERN = (
    f"rware-SIZE-Nag-v2 or, with colours, rware-Ccolor-SIZE-Nag-v1; SIZE: {', '.join(SIZES)}; N: 1 to {MOST_AGENTS} "
    f"agents, followed by -easy or -hard for twice or half as many requests; C: 1 to {MOST_COLOURS}. For example "
    f"{TASKS[0]}, {TASKS[3]}, {TASKS[7]}."
)


class Task(NamedTuple):
    """The warehouse and the team of a task."""

    grid: Grid
    agents: int
    requests: int  # the length of the request queue
    colours: int  # 0: agents and shelves have none

    @property
    def groups(self) -> list[int]:
        """The colour of each agent, [agents], 0 without colours: equal groups, the remainder in the first."""
        n = max(self.colours, 1)
        return [max(agent - self.agents % n, 0) // (self.agents // n) for agent in range(self.agents)]


def find_task(name: str, options: RwareOptions) -> Task:
    """Return the task of a name, with the changes of the settings.

    Raises ConfigurationError for an unknown name, for more colours than agents, for a request queue without shelves,
    and for one that leaves no shelf to request next.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ConfigurationError(f"map={name} is not a task of env=rware. Tasks are called {_PATTERN}")
    coloured, size, agents, difficulty, version = found.groups(default="")
    named = int(coloured or 0)
    if not (0 if not coloured else 1) <= named <= MOST_COLOURS or int(agents) > MOST_AGENTS:
        raise ConfigurationError(f"map={name} is out of range. Tasks are called {_PATTERN}")
    wanted = "1" if coloured else "2"
    if version != wanted:
        raise ConfigurationError(
            f"map={name} is not a task of env=rware: tasks {'with' if coloured else 'without'} colours have version "
            f"{wanted}. Write map={name[:-1]}{wanted}."
        )
    grid = make_grid(*SIZES[size])
    queue = options.request_queue_size
    requests = int(int(agents) * REQUESTS[difficulty]) if queue is None else queue
    task = Task(grid, int(agents), requests, named if options.colours is None else options.colours)
    _check(name, task)
    return task


def _check(name: str, task: Task) -> None:
    shelves = len(task.grid.homes)
    if task.colours > task.agents:
        raise ConfigurationError(
            f"map={name} with {task.colours} colours and {task.agents} agents: each colour needs an agent, because "
            "agents deliver shelves of their own colour alone. Choose more agents or fewer colours."
        )
    if task.requests < 1:
        raise ConfigurationError(
            f"map={name} requests no shelf, so nothing can be delivered: write env.request_queue_size=1, or choose "
            "more agents."
        )
    if task.requests >= shelves:
        raise ConfigurationError(
            f"map={name} requests {task.requests} of {shelves} shelves at a time, which leaves none to request after a "
            f"delivery. Write env.request_queue_size={shelves - 1} or less."
        )
