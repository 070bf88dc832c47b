"""What a replay of a world that is not a battle has besides its units: the scene, and what changes in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedqmix.runtime.core.scenes import (
    NO_GROUP,
    NO_LOAD,
    Heading,
    Item,
    ItemState,
    ItemType,
    Kind,
    Scene,
    SceneMoment,
)
from fedqmix.runtime.core.world import Floats64, Integers

MOST_PLACES = 2**23
"""Most items times moments that are read: a file may name few changes of very many items."""
LONGEST_SIDE = 4096
"""Most columns or rows of a grid."""
LONGEST_TEXT = 64
"""Most characters of a label or of an action's name."""


@dataclass(frozen=True, eq=False)
class Scenery:
    """The scene of one episode and its changes at `steps` + 1 moments. Arrays become read-only.

    Raises ValueError when shapes or values are inconsistent.
    """

    scene: Scene
    heading: Integers  # [steps + 1, agents], see runtime.core.scenes.Heading
    load: Integers  # [steps + 1, agents], the number of the item that an agent carries; -1 for none
    item_x: Floats64  # [steps + 1, items] map cells, to the east
    item_y: Floats64  # [steps + 1, items] map cells, to the north
    item_state: Integers  # [steps + 1, items], see runtime.core.scenes.ItemState

    def __post_init__(self) -> None:
        _check(self)
        for name in SceneMoment._fields:
            getattr(self, name).flags.writeable = False

    @classmethod
    def of_moments(cls, scene: Scene, moments: Sequence[SceneMoment]) -> Scenery:
        """Stack the moments of an episode."""
        return cls(scene, *(np.stack(column) for column in zip(*moments, strict=True)))


def require_fit(scenery: Scenery, units: int, steps: int, n_actions: int) -> None:
    """Check that a scenery is one of so many units, environment steps and actions. Raises ValueError."""
    if scenery.heading.shape != (steps + 1, units):
        raise ValueError(f"heading has shape {list(scenery.heading.shape)} where {[steps + 1, units]} is expected")
    if any(len(names) != n_actions for names in scenery.scene.action_names):
        raise ValueError(f"action_names must name {n_actions} actions of each agent")


def scenery_document(scenery: Scenery) -> dict[str, Any]:
    """Return a scenery as plain JSON values; of the items, only what changes from moment to moment."""
    scene = scenery.scene
    return {
        "kind": scene.kind.value,
        "size": list(scene.size),
        "action_names": [list(names) for names in scene.action_names],
        "groups": list(scene.groups),
        "labels": list(scene.labels),
        "items": [{"type": item.type.value, "label": item.label, "group": item.group} for item in scene.items],
        "heading": scenery.heading.tolist(),
        "load": scenery.load.tolist(),
        "item_changes": _changes(scenery),
    }


def read_scenery(values: Mapping[str, Any], moments: int) -> Scenery:
    """Return the scenery of values from `scenery_document`.

    Raises KeyError, ValueError or TypeError for values that are not a scenery of so many moments.
    """
    items = tuple(
        Item(ItemType(one["type"]), _text(one["label"]), _whole(one["group"], "an item's group"))
        for one in values["items"]
    )
    size = tuple(_whole(length, "size") for length in values["size"])
    if len(size) != 2:
        raise ValueError("size must be columns and rows")
    scene = Scene(
        kind=Kind(values["kind"]),
        size=(size[0], size[1]),
        action_names=tuple(tuple(map(_text, names)) for names in values["action_names"]),
        groups=tuple(_whole(group, "groups") for group in values["groups"]),
        labels=tuple(map(_text, values["labels"])),
        items=items,
    )
    columns = {name: _integers(values[name], name) for name in ("heading", "load")}
    x, y, state = _item_columns(values["item_changes"], moments, len(items))
    return Scenery(scene=scene, item_x=x, item_y=y, item_state=state, **columns)


def _changes(scenery: Scenery) -> list[list[float]]:
    """Return [moment, item, x, y, state] of every item at moment 0, and whenever one of the last three changes."""
    columns = np.stack([np.round(scenery.item_x, 3), np.round(scenery.item_y, 3), scenery.item_state], -1)
    changed = np.ones(columns.shape[:2], np.bool_)
    changed[1:] = (columns[1:] != columns[:-1]).any(-1)
    found = []
    for moment, item in np.argwhere(changed):
        x, y, state = columns[moment, item] + 0.0  # no -0.0
        found.append([int(moment), int(item), float(x), float(y), int(state)])
    return found


def _item_columns(changes: Sequence[Any], moments: int, items: int) -> tuple[Floats64, Floats64, Integers]:
    """Return x, y and state at every moment, [moments, items], from the changes."""
    if moments * items > MOST_PLACES:
        raise ValueError(f"{items:,} items at {moments:,} moments are more than {MOST_PLACES:,} places")
    table = np.array(changes, np.float64).reshape(-1, 5)
    numbers = table[:, [0, 1, 4]]
    if not np.isfinite(table).all() or (numbers != np.floor(numbers)).any():
        raise ValueError("item_changes must be [moment, item, x, y, state], finite, with whole moments and items")
    moment, item = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    if ((moment < 0) | (moment >= moments) | (item < 0) | (item >= items)).any() or (np.diff(moment) < 0).any():
        raise ValueError("item_changes must be in the order of moments, and of items that there are")
    columns = np.full((moments, items, 3), np.nan)
    columns[moment, item] = table[:, 2:]
    if np.isnan(columns[:1]).any():
        raise ValueError("item_changes must begin with every item at moment 0")
    for now in range(1, moments):  # an item without a change is as it was
        same = np.isnan(columns[now, :, 0])
        columns[now, same] = columns[now - 1, same]
    return columns[..., 0].copy(), columns[..., 1].copy(), columns[..., 2].astype(np.int64)


def _check(scenery: Scenery) -> None:
    scene = scenery.scene
    moments, agents = scenery.heading.shape if scenery.heading.ndim == 2 else (0, 0)
    items = len(scene.items)
    shapes = dict.fromkeys(("heading", "load"), (moments, agents))
    shapes |= dict.fromkeys(("item_x", "item_y", "item_state"), (moments, items))
    for name, shape in shapes.items():
        if (found := getattr(scenery, name).shape) != shape:
            raise ValueError(f"{name} has shape {list(found)} where {list(shape)} is expected")
    if not len(scene.groups) == len(scene.labels) == len(scene.action_names) == agents:
        raise ValueError(f"groups, labels and action_names must be those of {agents} agents")
    sides = (0, 0) if scene.kind is Kind.PARTICLES else (1, LONGEST_SIDE)
    if scene.kind is Kind.BATTLE or not sides[0] <= min(scene.size) <= max(scene.size) <= sides[1]:
        raise ValueError(f"a scene of kind {scene.kind} cannot have the size {list(scene.size)}")
    if min(scene.groups, default=0) < 0 or any(item.group < NO_GROUP for item in scene.items):
        raise ValueError("groups must be 0 or more")
    if not (np.isfinite(scenery.item_x).all() and np.isfinite(scenery.item_y).all()):
        raise ValueError("item_x and item_y must be finite")
    _require_range(scenery.heading, min(Heading), max(Heading), "heading")
    _require_range(scenery.load, NO_LOAD, items - 1, "load")
    _require_range(scenery.item_state, min(ItemState), max(ItemState), "item_state")


def _require_range(values: Integers, least: int, most: int, name: str) -> None:
    if values.size and (values.min() < least or values.max() > most):
        raise ValueError(f"{name} must be from {least} to {most}")


def _integers(values: Any, name: str) -> Integers:
    found = np.array(values)
    if found.dtype.kind != "i":
        raise ValueError(f"{name} must be whole numbers")
    return found.astype(np.int64)


def _whole(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} must be whole numbers, not {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise ValueError(f"labels and names must be texts of at most {LONGEST_TEXT} characters")
    return value
