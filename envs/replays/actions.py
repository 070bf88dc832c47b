"""The names of action numbers: SMAC's, and those of a world with a scene."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.envs.replays.record import Replay, Unit
from fedqmix.envs.skirmish.random_teams.tasks import patients_after
from fedqmix.envs.skirmish.smacv2.scenarios import names_before_targets, turns_of

HEALERS = ("medivac",)


def names_of_actions(replay: Replay) -> list[list[str]]:
    """Return the name of every action of every agent of a replay: [agents][n_actions]."""
    if replay.scenery is None:
        turns = turns_of(replay.map, replay.n_actions)
        return action_names(replay.units, replay.n_actions, turns, patients_after(replay.map))
    return [list(names) for names in replay.scenery.scene.action_names]


def action_names(units: Sequence[Unit], n_actions: int, turns: int = 0, attacks: int = 0) -> list[list[str]]:
    """Return the name of every action of every agent in a battle: [agents][n_actions].

    Actions from 6 on have a target: an enemy to attack or, for a medivac, an ally to heal. Targets are numbered from 0
    (SMAC's get_agent_action). turns: actions that turn a cone of sight, which come before those. attacks: a medivac's
    actions before those that heal.
    """
    allies = [unit for unit in units if unit.side == "ally"]
    enemies = [unit for unit in units if unit.side == "enemy"]
    names = []
    for ally in allies:
        named = list(names_before_targets(turns))
        named += [f"action {len(named) + number}" for number in range(attacks * (ally.type in HEALERS))]
        named = [*named, *_targets_of(ally, allies, enemies)][:n_actions]
        # A healer has actions without a target where the enemies outnumber the allies, and others the other way round.
        names.append(named + [f"action {number}" for number in range(len(named), n_actions)])
    return names


def _targets_of(unit: Unit, allies: Sequence[Unit], enemies: Sequence[Unit]) -> list[str]:
    if unit.type in HEALERS:
        return [f"heal {_words(other)}" for other in allies]
    return [f"attack {_words(other)}" for other in enemies]


def _words(unit: Unit) -> str:
    return f"{unit.type.replace('_', ' ')} {unit.index}"
