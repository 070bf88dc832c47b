"""How an episode of level-based foraging is drawn: players and foods with their levels, in the cells of the grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedqmix.envs.lbf.arrays import COLUMN, LEVEL, ROW
from fedqmix.runtime.core.scenes import NO_LOAD, Heading, Item, ItemState, ItemType, Kind, Scene, SceneMoment
from fedqmix.runtime.core.world import Integers, UnitRecord

RADIUS = 0.34
"""Of a player's disc."""


def scene_of(side: int, players: Integers, foods: Integers, action_names: Sequence[str]) -> Scene:
    """Return the scene of one episode.

    players: [agents, 3]; foods: [foods, 3], at the episode's beginning. Items are the foods that were placed.
    """
    return Scene(
        kind=Kind.GRID,
        size=(side, side),
        action_names=(tuple(action_names),) * len(players),
        groups=(0,) * len(players),
        labels=tuple(str(level) for level in players[:, LEVEL]),
        items=tuple(Item(ItemType.FOOD, label=str(level)) for level in foods[placed(foods), LEVEL]),
    )


def agents_of(side: int, players: Integers, actions: Integers) -> list[UnitRecord]:
    """Return the players of one episode. players: [agents, 3]; actions: [agents], the last ones."""
    return [
        UnitRecord(
            side="ally",
            index=number,
            type=f"level {player[LEVEL]}",
            x=float(player[COLUMN] + 0.5),
            y=float(side - player[ROW] - 0.5),
            last_action=int(actions[number]),
            radius=RADIUS,
        )
        for number, player in enumerate(players)
    ]


def moment_of(side: int, first_foods: Integers, foods: Integers, agents: int) -> SceneMoment:
    """Return a moment of one episode. first_foods, foods: [foods, 3], at its beginning and now."""
    there = placed(first_foods)
    return SceneMoment(
        heading=np.full(agents, Heading.NONE, np.int64),
        load=np.full(agents, NO_LOAD, np.int64),
        item_x=first_foods[there, COLUMN] + 0.5,
        item_y=side - first_foods[there, ROW] - 0.5,
        item_state=np.where(foods[there, LEVEL] > 0, ItemState.THERE, ItemState.GONE),
    )


def placed(first_foods: Integers) -> Integers:
    """Return the numbers of the foods that the episode began with; a start may have fewer than the task."""
    numbers: Integers = np.flatnonzero(first_foods[:, LEVEL] > 0)
    return numbers
