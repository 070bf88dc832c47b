"""The tasks of blind-particle spread, and the changes that settings make to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fedqmix.envs.bps.options import BpsOptions
from fedqmix.runtime.core.errors import ConfigurationError


class Task(NamedTuple):
    """The teams of a task."""

    sizes: tuple[int, ...]  # agents of each group
    shuffled: bool = False  # whether each group's observations have an order of their own

    @property
    def groups(self) -> list[int]:
        """The group of each agent: [agents]."""
        return [group for group, size in enumerate(self.sizes) for _ in range(size)]


TASKS: Mapping[str, Task] = {
    "bps-1": Task((5, 5, 5)),
    "bps-2": Task((10, 10, 10)),
    "bps-3": Task((6, 6, 6, 6, 6)),
    "bps-4": Task((3, 3, 3, 12, 9)),
    "bps-5": Task((5, 5, 5), shuffled=True),
    "bps-6": Task((6, 6, 6, 6, 6), shuffled=True),
}
"""Scenarios 1 to 6 of Christianos et al. 2021 (arXiv 2102.07475): versions 1 to 6 of `large_spread` in their MPE."""


def find_task(name: str, options: BpsOptions) -> Task:
    """Return the task of a name, with the changes of the settings.

    Raises ConfigurationError for an unknown name, and for a number of groups alone where the groups' sizes differ.
    """
    if name not in TASKS:
        raise ConfigurationError(f"map={name} is not a task of env=bps: {', '.join(TASKS)}.")
    task = TASKS[name]
    sizes = task.sizes
    if options.groups is not None or options.group_size is not None:
        if options.group_size is None and len(set(sizes)) > 1:
            raise ConfigurationError(
                f"env.groups={options.groups} needs env.group_size: the groups of {name} have {_listed(sizes)} agents."
            )
        size = sizes[0] if options.group_size is None else options.group_size
        sizes = (size,) * (len(sizes) if options.groups is None else options.groups)
    return Task(sizes, task.shuffled if options.shuffled is None else options.shuffled)


def _listed(sizes: tuple[int, ...]) -> str:
    return ", ".join(map(str, sizes))
