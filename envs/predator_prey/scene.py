"""How an episode of predator-prey is drawn: agents and prey in the cells of the grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedqmix.envs.predator_prey.arrays import COLUMN, ROW, Grids
from fedqmix.envs.predator_prey.options import PredatorPreyOptions
from fedqmix.runtime.core.scenes import NO_LOAD, Heading, Item, ItemState, ItemType, Kind, Scene, SceneMoment
from fedqmix.runtime.core.world import Integers, UnitRecord

RADIUS = 0.34
"""Of an agent's disc."""


def scene_of(options: PredatorPreyOptions, action_names: Sequence[str]) -> Scene:
    """Return the scene of every episode."""
    return Scene(
        kind=Kind.GRID,
        size=(options.side, options.side),
        action_names=(tuple(action_names),) * options.agents,
        groups=(0,) * options.agents,
        labels=("",) * options.agents,
        items=(Item(ItemType.PREY),) * options.prey,
    )


def agents_of(side: int, grids: Grids, episode: int, actions: Integers) -> list[UnitRecord]:
    """Return the agents of one episode. actions: [agents], the last ones.

    An agent that has caught a prey is listed where it did.
    """
    return [
        UnitRecord(
            side="ally",
            index=number,
            type="agent",
            x=float(own[COLUMN] + 0.5),
            y=float(side - own[ROW] - 0.5),
            last_action=int(actions[number]),
            radius=RADIUS,
        )
        for number, own in enumerate(grids.agents[episode])
    ]


def moment_of(options: PredatorPreyOptions, grids: Grids, episode: int) -> SceneMoment:
    """Return a moment of one episode."""
    prey = grids.prey[episode]
    return SceneMoment(
        heading=np.full(options.agents, Heading.NONE, np.int64),
        load=np.full(options.agents, NO_LOAD, np.int64),
        item_x=prey[:, COLUMN] + 0.5,
        item_y=options.side - prey[:, ROW] - 0.5,
        item_state=np.where(grids.alive[episode], ItemState.THERE, ItemState.GONE),
    )
