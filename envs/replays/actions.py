"""The names of action numbers: SMAC's, and those of a world with a scene."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.envs.replays.record import Replay, Unit

BEFORE_TARGETS = ("no-op", "stop", "move north", "move south", "move east", "move west")
HEALERS = ("medivac",)


def names_of_actions(replay: Replay) -> list[list[str]]:
    """Return the name of every action of every agent of a replay: [agents][n_actions]."""
    if replay.scenery is None:
        return action_names(replay.units, replay.n_actions)
    return [list(names) for names in replay.scenery.scene.action_names]


def action_names(units: Sequence[Unit], n_actions: int) -> list[list[str]]:
    """Return the name of every action of every agent in a battle: [agents][n_actions].

    Actions from 6 on have a target: an enemy to attack or, for a medivac, an ally to heal. Targets are numbered from 0
    (SMAC's get_agent_action).
    """
    allies = [unit for unit in units if unit.side == "ally"]
    enemies = [unit for unit in units if unit.side == "enemy"]
    return [
        _names_of(ally, allies, enemies)[:n_actions] + _unnamed(ally, allies, enemies, n_actions) for ally in allies
    ]


def _names_of(unit: Unit, allies: Sequence[Unit], enemies: Sequence[Unit]) -> list[str]:
    if unit.type in HEALERS:
        return [*BEFORE_TARGETS, *(f"heal {_words(other)}" for other in allies)]
    return [*BEFORE_TARGETS, *(f"attack {_words(other)}" for other in enemies)]


def _words(unit: Unit) -> str:
    return f"{unit.type.replace('_', ' ')} {unit.index}"


def _unnamed(unit: Unit, allies: Sequence[Unit], enemies: Sequence[Unit], n_actions: int) -> list[str]:
    """Return numbered names for the actions without a target.

    A healer has such actions where the enemies outnumber the allies.
    """
    return [f"action {number}" for number in range(len(_names_of(unit, allies, enemies)), n_actions)]
