"""The battles of one game of the stand-in, by skirmish's rules.

The game's orders become the agents' actions and its loops environment steps; units carry the game's tags. What the
game has and skirmish has not is refused with the protocol's own error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from s2clientprotocol import debug_pb2, error_pb2, raw_pb2

from fedqmix.envs.maps import MapRecord
from fedqmix.envs.options import skirmish_options
from fedqmix.envs.skirmish import interface
from fedqmix.envs.skirmish.layout import ACTIONS_BEFORE_ATTACKS
from fedqmix.envs.skirmish.orders import MOVE_AMOUNT
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.envs.units import combat_constants, unit_names, unit_type
from fedqmix.runtime.core.world import EpisodeBatch, Purpose, TeamTimeStep, TimeStep
from support.stand_in_units import AGENTS, ATTACK, HEAL, OPPONENT, STOP, WALK, describe, type_numbers

NO_LIMIT = 2**31 - 1
"""Environment steps of a battle: when it is cut off is the caller's business."""

FIRST_TAG, TAG_STEP = 2**32 + 1, 2**18
NEAR_ENOUGH = 1e-3  # cells a walk's end may be beside the points that skirmish's agents walk to

DIRECTIONS = {
    interface.NORTH: (0.0, MOVE_AMOUNT),
    interface.SOUTH: (0.0, -MOVE_AMOUNT),
    interface.EAST: (MOVE_AMOUNT, 0.0),
    interface.WEST: (-MOVE_AMOUNT, 0.0),
}


class Unwatched:
    """Nobody looks at the world's state and team reward: the game knows neither."""

    def begin(self, battles: EpisodeBatch, time_step: TeamTimeStep) -> None:
        """Take no notice."""

    def record(self, time_step: TeamTimeStep) -> None:
        """Take no notice."""


class BattlesOfGame:
    """One battle after another on a map: the next begins once nobody is alive, as the map's trigger has it.

    Battle n is skirmish's training episode n for the game's random seed. A battle that one team has won stays as it
    is: loops go by and nothing happens until the survivors are killed.
    """

    def __init__(self, record: MapRecord, seed: int) -> None:
        self.record = record
        self.seed = seed
        self.loop = 0  # game loops since the game began
        self.history: list[list[list[int]]] = []  # of every battle the actions [environment steps][agents]
        self._types = type_numbers(record)
        unlimited = replace(record, episode_limit=NO_LIMIT)
        self._world = SkirmishWorld(unlimited, seed, skirmish_options(), Unwatched())
        self._next_tag = FIRST_TAG
        self._begin()

    def _begin(self) -> None:
        self._turn: TimeStep = self._world.begin(EpisodeBatch(Purpose.TRAINING, len(self.history), 1))
        self.history.append([])
        self._units = self._world.units_of_all_battles()[0]
        self._fresh = self._units.copy()
        self._tags = [self._new_tag() for _ in self._units]
        self._alive = set(self._tags)  # when last observed
        self._orders: dict[int, int] = {}
        self._waiting = 0  # loops since the last environment step

    def _new_tag(self) -> int:
        self._next_tag += TAG_STEP
        return self._next_tag

    def step(self, loops: int) -> None:
        """Let game loops go by: eight since the battle's beginning or the last one are an environment step."""
        self.loop += loops
        if not (self._units["health"] > 0).any():
            self._begin()
            return
        self._waiting += loops
        while self._waiting >= combat_constants().loops_per_env_step:
            self._waiting -= combat_constants().loops_per_env_step
            self._play()

    def _play(self) -> None:
        actions = np.full((self.record.n_agents, 1), interface.NO_OP, np.int64)  # who is told nothing goes on
        for agent, action in self._orders.items():
            if self._units["health"][agent] > 0:
                actions[agent] = action
        self._orders.clear()
        self._turn.available_actions[:] = True  # the game has no masks: units may be ordered to walk into walls
        self._turn = self._world.step(actions)
        self.history[-1].append(actions[:, 0].tolist())

    def order(self, command: raw_pb2.ActionRawUnitCommand) -> int:
        """Take an order, to be carried out from the next environment step on; return an ActionResult."""
        agents = [self._living(tag) for tag in command.unit_tags]
        if not agents or any(agent is None or agent >= self.record.n_agents for agent in agents):
            return error_pb2.Error
        results = [self._order_one(agent, command) for agent in agents]
        return next((result for result in results if result != error_pb2.Success), error_pb2.Success)

    def _order_one(self, agent: int, command: raw_pb2.ActionRawUnitCommand) -> int:
        if command.queue_command:
            return error_pb2.CantQueueThatOrder
        walks = command.ability_id == WALK and command.HasField("target_world_space_pos")
        if command.ability_id == STOP:
            action = interface.STOP
        elif walks:
            action = self._direction(agent, command.target_world_space_pos)
        elif command.ability_id in (ATTACK, HEAL) and command.HasField("target_unit_tag"):
            action = self._aim(agent, command.ability_id, self._living(command.target_unit_tag))
            if action is None:
                return error_pb2.CantTargetThatUnit
        else:
            action = None
        if action is None:
            return error_pb2.NotSupported
        self._orders[agent] = action
        return error_pb2.Success

    def _direction(self, agent: int, goal: Any) -> int | None:
        """Return the move that leads to a point, None unless it lies two cells straight ahead."""
        x, y = goal.x - self._units["x"][agent], goal.y - self._units["y"][agent]
        for action, (dx, dy) in DIRECTIONS.items():
            if abs(x - dx) < NEAR_ENOUGH and abs(y - dy) < NEAR_ENOUGH:
                return action
        return None

    def _aim(self, agent: int, ability: int, target: int | None) -> int | None:
        """Return the action that attacks or heals somebody, None when this unit cannot do that to him."""
        first_enemy = self.record.n_agents
        heals = self._kind(agent).heal is not None
        if target is None or heals != (ability == HEAL) or heals != (target < first_enemy):
            return None
        if not heals:
            return ACTIONS_BEFORE_ATTACKS + target - first_enemy
        healable = "biological" in self._kind(target).attributes and target < self.record.n_enemies
        return ACTIONS_BEFORE_ATTACKS + target if healable else None

    def _living(self, tag: int) -> int | None:
        """Return the number of the living unit with a tag."""
        if tag not in self._tags:
            return None
        number = self._tags.index(tag)
        return number if self._units["health"][number] > 0 else None

    def _kind(self, number: int) -> Any:
        return unit_type(unit_names()[self._units["kind"][number]])

    def observe(self) -> raw_pb2.ObservationRaw:
        """Return the living units, agents by number, then enemies by number, and who died since the last time."""
        raw = raw_pb2.ObservationRaw()
        raw.player.camera.x, raw.player.camera.y = (size / 2 for size in self.record.walkable.shape)
        alive = set()
        for number in np.flatnonzero(self._units["health"] > 0):
            unit, owner = self._units[number], self._owner(number)
            ground = float(self.record.height[int(unit["x"]), int(unit["y"])])
            shown = describe(unit, owner, self._types[owner, unit_names()[unit["kind"]]], self._tags, ground)
            shown.tag = self._tags[number]
            raw.units.append(shown)
            alive.add(shown.tag)
        raw.event.dead_units.extend(sorted(self._alive - alive))
        self._alive = alive
        return raw

    def close(self) -> None:
        """Let go of the world."""
        self._world.close()

    def _owner(self, number: int) -> int:
        return AGENTS if number < self.record.n_agents else OPPONENT

    def kill(self, tags: list[int]) -> None:
        """Let units die at once; others' tags do not matter."""
        for tag in tags:
            number = self._living(tag)
            if number is not None:
                self._units["health"][number] = self._units["shield"][number] = 0.0

    def set_value(self, change: debug_pb2.DebugSetUnitValue) -> str:
        """Set a living unit's health, shield or energy, no higher than they go; return what is wrong, or nothing."""
        number = self._living(change.unit_tag)
        if number is None:
            return f"there is no unit {change.unit_tag}"
        kind, value = self._kind(number), max(change.value, 0.0)
        if change.unit_value == debug_pb2.DebugSetUnitValue.Life:
            self._units["health"][number] = min(value, kind.health)
        elif change.unit_value == debug_pb2.DebugSetUnitValue.Shields:
            self._units["shield"][number] = min(value, kind.shield)
        else:
            self._units["energy"][number] = min(value, kind.energy.max if kind.energy else 0.0)
        return ""

    def create(self, wanted: debug_pb2.DebugCreateUnit) -> str:
        """Create units in the places of dead ones of the same type and owner; return what is wrong, or nothing.

        Skirmish's teams are of fixed size, and nothing happens any more in a battle that is over.
        """
        if self._turn.terminated[0]:
            return "the battle is over, so nobody can be created"
        free = [
            number
            for number, unit in enumerate(self._units)
            if unit["health"] <= 0
            and self._owner(number) == wanted.owner
            and self._types[wanted.owner, unit_names()[unit["kind"]]] == wanted.unit_type
        ]
        if len(free) < max(wanted.quantity, 1):
            return f"{len(free)} units of type {wanted.unit_type} of player {wanted.owner} are dead, the most to create"
        for number in free[: max(wanted.quantity, 1)]:
            random = self._units["random"][number].copy()
            self._units[number] = self._fresh[number]
            self._units["random"][number] = random
            self._units["x"][number], self._units["y"][number] = wanted.pos.x, wanted.pos.y
            self._tags[number] = self._new_tag()
        return ""
