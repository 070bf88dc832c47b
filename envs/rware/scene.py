"""How an episode of the warehouse is drawn: goals, the homes of shelves, shelves, and agents with what they carry.

Items are the goals, then the homes, then the shelves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedqmix.envs.rware.arrays import DOWN, LEFT, NONE, RIGHT, UP, Rules, Warehouses
from fedqmix.envs.rware.tasks import Task
from fedqmix.runtime.core.scenes import NO_GROUP, NO_LOAD, Heading, Item, ItemState, ItemType, Kind, Scene, SceneMoment
from fedqmix.runtime.core.world import Floats64, Integers, UnitRecord

RADIUS = 0.28
"""Of an agent's disc, so that a shelf shows around it."""
HEADINGS = {UP: Heading.NORTH, DOWN: Heading.SOUTH, LEFT: Heading.WEST, RIGHT: Heading.EAST}


def scene_of(task: Task, colours: Integers, action_names: Sequence[str]) -> Scene:
    """Return the scene of one episode. colours: [shelves]."""
    grid = task.grid
    shelves = [int(colour) if task.colours else NO_GROUP for colour in colours]
    return Scene(
        kind=Kind.GRID,
        size=(grid.width, grid.height),
        action_names=tuple(_names_of(action_names, group) for group in task.groups),
        groups=tuple(task.groups),
        labels=("",) * task.agents,
        items=(
            *(Item(ItemType.GOAL) for _ in grid.goals),
            *(Item(ItemType.HOME) for _ in grid.homes),
            *(Item(ItemType.SHELF, group=group) for group in shelves),
        ),
    )


def _names_of(action_names: Sequence[str], group: int) -> tuple[str, ...]:
    """Return a colour's names of actions: action a of colour c means a - c (rules.read_actions)."""
    return tuple(action_names[(action - group) % len(action_names)] for action in range(len(action_names)))


def agents_of(task: Task, rules: Rules, warehouses: Warehouses, actions: Integers, e: int) -> list[UnitRecord]:
    """Return the agents of episode e. actions: [agents], the last ones."""
    x, y = centres(task, rules, warehouses.cells[e])
    return [
        UnitRecord(
            side="ally",
            index=agent,
            type=f"colour {group}" if task.colours else "robot",
            x=float(x[agent]),
            y=float(y[agent]),
            last_action=int(actions[agent]),
            radius=RADIUS,
        )
        for agent, group in enumerate(task.groups)
    ]


def moment_of(task: Task, rules: Rules, warehouses: Warehouses, e: int) -> SceneMoment:
    """Return a moment of episode e."""
    fixed = len(rules.goals) + len(rules.homes)
    x, y = centres(task, rules, np.concatenate([rules.goals, rules.homes, warehouses.shelf_cells[e]]))
    carried, requested = warehouses.carried[e], warehouses.requested[e]
    standing = np.full(fixed, ItemState.THERE, np.int64)
    return SceneMoment(
        heading=np.array([HEADINGS[int(direction)] for direction in warehouses.directions[e]], np.int64),
        load=np.where(carried == NONE, NO_LOAD, carried + fixed),
        item_x=x,
        item_y=y,
        item_state=np.concatenate([standing, np.where(requested, ItemState.WANTED, ItemState.THERE)]),
    )


def centres(task: Task, rules: Rules, cells: Integers) -> tuple[Floats64, Floats64]:
    """Return the centres of cells in map cells, to the east and to the north. cells: [any], their numbers."""
    x, y = rules.x[cells].astype(np.float64), rules.y[cells].astype(np.float64)
    return x + 0.5, task.grid.height - 0.5 - y
