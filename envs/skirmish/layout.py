"""The layout of observations and states (StarCraft2Env.get_obs_size and get_state_size)."""

from __future__ import annotations

from typing import NamedTuple

from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.envs.skirmish.smacv2.vision import ACTIONS_BEFORE_TURNS, Vision, make_vision
from fedqmix.envs.units import RACES

ACTIONS_BEFORE_ATTACKS = ACTIONS_BEFORE_TURNS
"""no-op, stop, north, south, east, west; action 6 + e attacks enemy e (of a medivac: 6 + i heals agent i).
In drawn teams with medivacs, healing has actions of its own (Vision.first_patient).

With SMACv2's cones of sight 12 turns of the view lie between (Vision.first_target)."""

PATHING_POINTS, HEIGHT_POINTS = 8, 9
"""Cells around an agent in obs_pathing_grid and obs_terrain_height (n_obs_pathing, n_obs_height)."""


class Layout(NamedTuple):
    """Sizes and options of the interface, as the compiled code reads them."""

    n_agents: int
    n_enemies: int
    n_actions: int
    map_width: int  # cells
    map_height: int
    episode_limit: int  # environment steps
    medivacs: bool  # agents' medivacs heal: has_medivacs
    smacv2: bool  # a scenario of SMACv2: agents observe their own place
    unit_type_bits: int
    ally_shields: bool
    enemy_shields: bool
    all_health: bool
    own_health: bool
    obs_last_action: bool
    obs_pathing_grid: bool
    obs_terrain_height: bool
    obs_instead_of_state: bool
    obs_timestep: bool
    state_last_action: bool
    state_timestep: bool
    move_features: int  # at an observation's beginning
    enemy_features: int  # per enemy in an observation
    ally_features: int  # per other agent in an observation
    obs_dim: int
    ally_attributes: int  # per agent in the state
    enemy_attributes: int  # per enemy in the state
    state_dim: int
    vision: Vision


def draws_types(env: BattleOptions) -> bool:
    """Return whether the types of all units are drawn for every battle."""
    return isinstance(env, SkirmishOptions) and env.randomise in ("types", "both")


def has_medivacs(record: MapRecord, env: BattleOptions) -> bool:
    """Return whether agents may be medivacs: SMAC's map type MMM, SMACv2's terran_gen, or drawn Terran teams."""
    return record.map_type in ("MMM", "terran_gen") or (draws_types(env) and record.ally_race == "T")


def make_layout(record: MapRecord, env: BattleOptions) -> Layout:
    """Lay out the observations and states of a map under SMAC's options.

    With obs_timestep_number SMAC's observations are one number longer than its get_obs_size: one of the agent's own
    features stays 0, and the time follows it. obs_dim and state_dim (with obs_instead_of_state) are the actual lengths.
    SMACv2 has no such number, and where Terran agents outnumber the enemies it has an action for each agent to heal.
    """
    n_agents, n_enemies = record.n_agents, record.n_enemies
    vision, medivacs = make_vision(record, env), has_medivacs(record, env)
    facing = 2 * (vision.turns > 0)  # numbers of a direction of view
    bits = len(RACES[record.ally_race]) if draws_types(env) else record.unit_type_bits
    n_actions = vision.first_target + (max(n_agents, n_enemies) if medivacs and record.smacv2 else n_enemies)
    if vision.first_patient > vision.first_target:  # attacks and healing have actions of their own
        n_actions = vision.first_patient + n_agents
    ally_shields, enemy_shields = record.ally_race == "P", record.enemy_race == "P"
    own_health = env.obs_own_health or env.obs_all_health
    move_features = 4 + PATHING_POINTS * env.obs_pathing_grid + HEIGHT_POINTS * env.obs_terrain_height
    enemy_features = 4 + bits + (1 + enemy_shields) * env.obs_all_health
    ally_features = 4 + bits + (1 + ally_shields) * env.obs_all_health + n_actions * env.obs_last_action
    own_features = bits + (1 + ally_shields) * own_health + 2 * record.smacv2 + facing
    obs_dim = move_features + n_enemies * enemy_features + (n_agents - 1) * ally_features + own_features
    obs_dim += (1 if record.smacv2 else 2) * env.obs_timestep_number
    ally_attributes, enemy_attributes = 4 + ally_shields + facing + bits, 3 + enemy_shields + bits
    state_dim = n_agents * ally_attributes + n_enemies * enemy_attributes
    state_dim += n_agents * n_actions * env.state_last_action + env.state_timestep_number
    return Layout(
        n_agents=n_agents,
        n_enemies=n_enemies,
        n_actions=n_actions,
        map_width=record.walkable.shape[0],
        map_height=record.walkable.shape[1],
        episode_limit=record.episode_limit,
        medivacs=medivacs,
        smacv2=record.smacv2,
        unit_type_bits=bits,
        ally_shields=ally_shields,
        enemy_shields=enemy_shields,
        all_health=bool(env.obs_all_health),
        own_health=bool(own_health),
        obs_last_action=bool(env.obs_last_action),
        obs_pathing_grid=bool(env.obs_pathing_grid),
        obs_terrain_height=bool(env.obs_terrain_height),
        obs_instead_of_state=bool(env.obs_instead_of_state),
        obs_timestep=bool(env.obs_timestep_number),
        state_last_action=bool(env.state_last_action),
        state_timestep=bool(env.state_timestep_number),
        move_features=move_features,
        enemy_features=enemy_features,
        ally_features=ally_features,
        obs_dim=obs_dim,
        ally_attributes=ally_attributes,
        enemy_attributes=enemy_attributes,
        state_dim=n_agents * obs_dim if env.obs_instead_of_state else state_dim,
        vision=vision,
    )
