"""The name of every number of an observation and of the state, in the order in which interface.py and state.py write.

Other agents are counted without the agent itself: other_0 is the first other one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.layout import ACTIONS_BEFORE_ATTACKS, HEIGHT_POINTS, PATHING_POINTS, Layout, draws_types
from fedqmix.envs.units import RACES

_ACTIONS = ("no_op", "stop", "north", "south", "east", "west")
assert len(_ACTIONS) == ACTIONS_BEFORE_ATTACKS


def observation_names(record: MapRecord, env: BattleOptions, layout: Layout) -> tuple[str, ...]:
    """Return the names of one agent's observation: [obs_dim]."""
    allies, enemies = _types(record, env, layout)
    names = [f"can_move_{way}" for way in _ACTIONS[2:]]
    names += [f"pathing_{point}" for point in range(PATHING_POINTS * layout.obs_pathing_grid)]
    names += [f"height_{point}" for point in range(HEIGHT_POINTS * layout.obs_terrain_height)]
    for enemy in range(layout.n_enemies):
        seen = ["available", "distance", "x", "y", *_health(layout.all_health, layout.enemy_shields), *enemies]
        names += _of(f"enemy_{enemy}", seen)
    for other in range(layout.n_agents - 1):
        seen = ["visible", "distance", "x", "y", *_health(layout.all_health, layout.ally_shields), *allies]
        names += _of(f"other_{other}", [*seen, *(_last_actions(layout) if layout.obs_last_action else ())])
    place = ["x", "y"] if layout.smacv2 else []
    names += _of("own", [*_health(layout.own_health, layout.ally_shields), *place, *_facing(layout), *allies])
    if layout.obs_timestep:
        names += ["time"] if layout.smacv2 else ["unused", "time"]
    return tuple(names)


def state_names(record: MapRecord, env: BattleOptions, layout: Layout) -> tuple[str, ...]:
    """Return the names of the global state: [state_dim]."""
    agents = range(layout.n_agents)
    if layout.obs_instead_of_state:
        own = observation_names(record, env, layout)
        return tuple(name for agent in agents for name in _of(f"agent_{agent}", own))
    allies, enemies = _types(record, env, layout)
    shield = ["shield"] if layout.ally_shields else []
    ally = ["health", "cooldown_or_energy", "x", "y", *shield, *_facing(layout), *allies]
    enemy = ["health", "x", "y", *(["shield"] if layout.enemy_shields else []), *enemies]
    names = [name for agent in agents for name in _of(f"agent_{agent}", ally)]
    names += [name for index in range(layout.n_enemies) for name in _of(f"enemy_{index}", enemy)]
    if layout.state_last_action:
        names += [name for agent in agents for name in _of(f"agent_{agent}", _last_actions(layout))]
    if layout.state_timestep:
        names.append("time")
    return tuple(names)


def _of(whose: str, names: Iterable[str]) -> list[str]:
    return [f"{whose}_{name}" for name in names]


def _health(shown: bool, shields: bool) -> Sequence[str]:
    return (["health", "shield"] if shields else ["health"]) if shown else []


def _last_actions(layout: Layout) -> Sequence[str]:
    turns = [f"turn_{direction}" for direction in range(layout.vision.turns)]
    targets = [f"target_{target}" for target in range(layout.n_actions - layout.vision.first_target)]
    return _of("last", [*_ACTIONS, *turns, *targets])


def _facing(layout: Layout) -> Sequence[str]:
    return ["facing_x", "facing_y"] if layout.vision.turns else []


def _types(record: MapRecord, env: BattleOptions, layout: Layout) -> tuple[list[str], list[str]]:
    """Return the names of the type bits of agents and of enemies."""
    slots = record.ally_slots, record.enemy_slots
    if draws_types(env):
        slots = RACES[record.ally_race], RACES[record.enemy_race]
    allies, enemies = (_of("is", _padded(own, layout.unit_type_bits)) for own in slots)
    return allies, enemies


def _padded(types: Sequence[str], bits: int) -> list[str]:
    """Name bits without a type by their number: SMAC gives both teams as many bits as the larger list needs."""
    return [types[bit] if bit < len(types) else f"type_{bit}" for bit in range(bits)]
