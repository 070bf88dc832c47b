"""How an episode of blind-particle spread is drawn: agents and landmarks in the colours of their groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedqmix.runtime.core.scenes import NO_LOAD, Heading, Item, ItemState, ItemType, Kind, Scene, SceneMoment
from fedqmix.runtime.core.world import Floats64, Integers, UnitRecord

RADIUS = 0.1
"""Of an agent's disc; particles are points."""


def scene_of(groups: Sequence[int], landmarks: int, action_names: Sequence[str]) -> Scene:
    """Return the scene of all episodes of a task. groups: [agents], the number of each agent's landmark."""
    return Scene(
        kind=Kind.PARTICLES,
        size=(0, 0),
        action_names=(tuple(action_names),) * len(groups),
        groups=tuple(groups),
        labels=("",) * len(groups),
        items=tuple(Item(ItemType.LANDMARK, group=group) for group in range(landmarks)),
    )


def agents_of(groups: Sequence[int], positions: Floats64, actions: Integers) -> list[UnitRecord]:
    """Return the agents of one episode. positions: [agents, 2]; actions: [agents], the last ones."""
    return [
        UnitRecord(
            side="ally",
            index=agent,
            type=f"group {group}",
            x=float(positions[agent, 0]),
            y=float(positions[agent, 1]),
            last_action=int(actions[agent]),
            radius=RADIUS,
        )
        for agent, group in enumerate(groups)
    ]


def moment_of(landmarks: Floats64, agents: int) -> SceneMoment:
    """Return a moment of one episode. landmarks: [groups, 2]."""
    return SceneMoment(
        heading=np.full(agents, Heading.NONE, np.int64),
        load=np.full(agents, NO_LOAD, np.int64),
        item_x=landmarks[:, 0].copy(),
        item_y=landmarks[:, 1].copy(),
        item_state=np.full(len(landmarks), ItemState.THERE, np.int64),
    )
