"""The entity tables of observations and of the state, from the names of their numbers (entry_names.py).

Observation: the agent itself with all that it knows of its surroundings, the other agents, the enemies.
State: the agents, each with its last action, then the enemies. The time is a feature of the agents' own rows.
Features of equal names share a column; an enemy's `available` and another agent's `visible` are one, since both are
the first number of a row. The flags is_agent and, in an observation, is_self say what a row is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fedqmix.envs.skirmish.layout import Layout
from fedqmix.runtime.core.entities import NO_ACTION, ONE, ZERO, EntityTable

_ROW = re.compile(r"(own|(?:other|agent|enemy)_\d+)_(.+)")
_OF_TEAM = ("time",)
"""The numbers of a state that are in no unit's row: features of every agent."""
_OF_ITSELF = {"x": "place_x", "y": "place_y"}
"""SMACv2's place of the agent itself, from the map's corner: a column of its own, as others' x and y are relative."""
_LEFT_OUT = ("unused",)
"""A number that is always 0 (layout.make_layout)."""


def observation_table(names: Sequence[str], layout: Layout) -> EntityTable:
    """Return the table of one agent's observation. names: entry_names.observation_names."""
    others = [f"other_{other}" for other in range(layout.n_agents - 1)]
    enemies = _enemies(layout)
    places = _places(names, "own")
    flags: dict[str, tuple[str, ...]] = {"own": ("is_agent", "is_self"), **dict.fromkeys(others, ("is_agent",))}
    agents = range(layout.n_agents)
    beyond = tuple(range(layout.n_agents, layout.n_agents + layout.n_enemies))
    numbers = tuple((agent, *(other for other in agents if other != agent), *beyond) for agent in agents)
    return _table(places, ["own", *others, *enemies], flags, (0,), numbers, _actions(layout))


def state_table(names: Sequence[str], layout: Layout) -> EntityTable | None:
    """Return the table of the global state; None for the observations one after another (obs_instead_of_state).

    names: entry_names.state_names.
    """
    if layout.obs_instead_of_state:
        return None
    agents = [f"agent_{agent}" for agent in range(layout.n_agents)]
    places = _places(names, None)
    for name in _OF_TEAM:
        if name in places.get(None, {}):
            for agent in agents:
                places[agent][name] = places[None][name]
    rows = [*agents, *_enemies(layout)]
    own = tuple(range(len(agents)))
    flags: dict[str, tuple[str, ...]] = dict.fromkeys(agents, ("is_agent",))
    return _table(places, rows, flags, own, (tuple(range(len(rows))),), _actions(layout))


_Places = dict[str | None, dict[str, int]]
"""Row -> feature -> index into the vector."""


def _places(names: Sequence[str], rest: str | None) -> _Places:
    """Return the place of every number. rest: the row of the numbers whose names begin with no row's."""
    places: _Places = {}
    for index, name in enumerate(names):
        found = _ROW.fullmatch(name)
        row, feature = found.groups() if found else (rest, name)
        if row == "own":
            feature = _OF_ITSELF.get(feature, feature)
        if name not in _LEFT_OUT:
            places.setdefault(row, {})["available" if feature == "visible" else feature] = index
    return places


def _table(
    places: _Places,
    rows: Sequence[str],
    flags: dict[str, tuple[str, ...]],
    own: tuple[int, ...],
    numbers: tuple[tuple[int, ...], ...],
    actions: tuple[int, ...],
) -> EntityTable:
    kinds = _in_order(flag for flag_names in flags.values() for flag in flag_names)
    # The last row first: an enemy's features are the ones that most rows have.
    features = _in_order(name for row in reversed(rows) for name in places.get(row, {}))
    source = tuple(
        tuple(places.get(row, {}).get(name, ZERO) for name in features)
        + tuple(ONE if kind in flags.get(row, ()) else ZERO for kind in kinds)
        for row in rows
    )
    return EntityTable(source, (*features, *kinds), tuple(rows), own, numbers, actions)


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _enemies(layout: Layout) -> list[str]:
    return [f"enemy_{enemy}" for enemy in range(layout.n_enemies)]


def _actions(layout: Layout) -> tuple[int, ...]:
    """Return the action that targets each entity: a heal where agents may be medivacs, an attack.

    Where heals have the numbers of attacks, there may be too few for the last agents.
    """
    first_heal = layout.vision.first_patient if layout.medivacs else layout.n_actions
    heals = range(first_heal, layout.n_actions)
    of_agents = (heals[agent] if agent < len(heals) else NO_ACTION for agent in range(layout.n_agents))
    return (*of_agents, *(layout.vision.first_target + enemy for enemy in range(layout.n_enemies)))
