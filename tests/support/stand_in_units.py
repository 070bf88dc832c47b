"""Skirmish's units as the game's protocol shows them: numbers of unit types and abilities, Unit and UnitTypeData."""

from __future__ import annotations

from typing import Any

from s2clientprotocol import data_pb2, raw_pb2

from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.arrays import ATTACK_MOVE, MOVE, NO_UNIT, TARGET
from fedqmix.envs.units import UnitType, unit_names, unit_type

AGENTS, OPPONENT = 1, 2
"""Players, as in `owner`."""

STOP, WALK, ATTACK, HEAL = 4, 16, 23, 386
"""The abilities that SMAC orders."""

FIRST_OWN_TYPE = 2005
"""SMAC's maps bring unit types of their own for the agents, numbered one after another from a number that differs
between versions of the game; SMAC takes the lowest it sees for the first (_init_ally_unit_types)."""

GAME_TYPES = {
    "colossus": 4,
    "baneling": 9,
    "marine": 48,
    "marauder": 51,
    "medivac": 54,
    "zealot": 73,
    "stalker": 74,
    "spine_crawler": 98,
    "zergling": 105,
    "hydralisk": 107,
}
"""The game's own unit types, which the opponent has."""

ABILITY_NAMES = {STOP: "stop", WALK: "move", ATTACK: "attack", HEAL: "MedivacHeal"}


def type_numbers(record: MapRecord) -> dict[tuple[int, str], int]:
    """Return the number of each unit type of a map by (owner, name)."""
    own = record.ally_slots or tuple({group.unit: None for group in record.allies})
    numbers = {(AGENTS, name): FIRST_OWN_TYPE + place for place, name in enumerate(own)}
    return numbers | {(OPPONENT, group.unit): GAME_TYPES[group.unit] for group in record.enemies}


def describe(unit: Any, owner: int, number: int, tags: list[int], ground: float) -> raw_pb2.Unit:
    """Return a living unit as an observation lists it.

    unit: a record of envs.skirmish.arrays.Unit. number: its type's. tags: of all units. ground: height under it, 0..1.
    """
    kind = unit_type(unit_names()[unit["kind"]])
    shown = raw_pb2.Unit(
        display_type=raw_pb2.Visible,
        alliance=raw_pb2.Self if owner == AGENTS else raw_pb2.Enemy,
        unit_type=number,
        owner=owner,
        radius=kind.radius,
        build_progress=1.0,
        cloak=raw_pb2.NotCloaked,
        is_on_screen=True,
        health=unit["health"],
        health_max=kind.health,
        shield=unit["shield"],
        shield_max=kind.shield,
        weapon_cooldown=max(unit["cooldown"], 0.0),
        is_flying=kind.plane == "air",
    )
    shown.pos.x, shown.pos.y, shown.pos.z = unit["x"], unit["y"], 32 * ground - 16
    if kind.energy is not None:
        shown.energy, shown.energy_max = unit["energy"], kind.energy.max
    _show_order(shown, unit, kind, tags)
    return shown


def _show_order(shown: raw_pb2.Unit, unit: Any, kind: UnitType, tags: list[int]) -> None:
    if unit["target"] != NO_UNIT:
        shown.engaged_target_tag = tags[unit["target"]]
    if unit["order"] == TARGET:
        shown.orders.add(ability_id=HEAL if kind.heal else ATTACK, target_unit_tag=tags[unit["target"]])
    elif unit["order"] in (MOVE, ATTACK_MOVE):
        order = shown.orders.add(ability_id=WALK if unit["order"] == MOVE else ATTACK)
        order.target_world_space_pos.x, order.target_world_space_pos.y = unit["goal_x"], unit["goal_y"]


def describe_type(kind: UnitType, number: int, suffix: str) -> data_pb2.UnitTypeData:
    """Return what the game's data tell of a unit type, lengths in map cells and times in normal seconds."""
    told = data_pb2.UnitTypeData(
        unit_id=number,
        name=kind.name.title().replace("_", "") + suffix,
        available=True,
        sight_range=9.0,
        movement_speed=kind.speed,
        armor=kind.armour,
        attributes=[data_pb2.Attribute.Value(name.title().replace("Armoured", "Armored")) for name in kind.attributes],
    )
    if kind.weapon is not None:
        weapon = kind.weapon
        shot = told.weapons.add(
            type=data_pb2.Weapon.Any if weapon.targets_air else data_pb2.Weapon.Ground,
            damage=weapon.damage,
            attacks=weapon.hits,
            range=weapon.range,
            speed=weapon.period,
        )
        for name, bonus in (weapon.bonus or {}).items():
            attribute = data_pb2.Attribute.Value(name.title().replace("Armoured", "Armored"))
            shot.damage_bonus.add(attribute=attribute, bonus=bonus)
    return told


def describe_abilities() -> list[data_pb2.AbilityData]:
    """Return the abilities that units on SMAC's maps are ordered to use."""
    targets = {STOP: data_pb2.AbilityData.Target.Value("None"), HEAL: data_pb2.AbilityData.Unit}
    return [
        data_pb2.AbilityData(
            ability_id=number,
            link_name=name,
            friendly_name=name,
            available=True,
            target=targets.get(number, data_pb2.AbilityData.PointOrUnit),
        )
        for number, name in ABILITY_NAMES.items()
    ]
