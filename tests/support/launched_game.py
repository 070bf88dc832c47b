"""A game that unmodified pysc2 has launched and talks to, as SMAC does it."""

from __future__ import annotations

from typing import Any

import numpy as np
from absl import flags
from pysc2 import maps, run_configs
from pysc2.maps import lib
from s2clientprotocol import common_pb2, debug_pb2, raw_pb2, sc2api_pb2

from fedqmix.envs.factory import available_maps
from support.stand_in_units import ATTACK, HEAL, STOP, WALK

flags.FLAGS.mark_as_parsed()  # pysc2 has flags for the command line; their defaults hold here

SEED = 5
MOVES = {2: (0, 2), 3: (0, -2), 4: (2, 0), 5: (-2, 0)}


class OnOwnMap(lib.Map):
    """A map where SMAC puts its own. SMAC registers them under their names; the names here are others."""

    directory, players = "SMAC_Maps", 2


for name in available_maps():
    globals()[f"stand_in_{name}"] = type(f"stand_in_{name}", (OnOwnMap,), {"filename": name})


class LaunchedGame:
    """A game's process with pysc2's controller."""

    def __init__(self) -> None:
        self.config = run_configs.get()
        self.process = self.config.start(want_rgb=False)
        self.controller = self.process.controller

    @property
    def status(self) -> str:
        """The game's status as pysc2 last heard it."""
        return self.controller.status.name

    def create(self, map: str, **changes: Any) -> None:
        """Create a game on one of SMAC's maps against the computer."""
        path = maps.get(f"stand_in_{map}").path
        local = sc2api_pb2.LocalMap(map_path=path, map_data=self.config.map_data(path))
        request = sc2api_pb2.RequestCreateGame(**({"local_map": local, "random_seed": SEED} | changes))
        request.player_setup.add(type=sc2api_pb2.Participant)
        request.player_setup.add(type=sc2api_pb2.Computer, race=common_pb2.Terran, difficulty=sc2api_pb2.VeryHard)
        self.controller.create_game(request)

    def join(self) -> Any:
        """Join the game for raw units."""
        options = sc2api_pb2.InterfaceOptions(raw=True, score=False)
        return self.controller.join_game(sc2api_pb2.RequestJoinGame(race=common_pb2.Terran, options=options))

    def begin(self, map: str) -> LaunchedGame:
        """Create a game and join it."""
        self.create(map)
        self.join()
        return self

    def send(self, **request: Any) -> Any:
        """Send a request past pysc2's own look at the status."""
        return self.controller._client.send(**request)

    def units(self, owner: int) -> list[raw_pb2.Unit]:
        """List a player's living units, in the order of the observation."""
        units = self.controller.observe().observation.raw_data.units
        return [unit for unit in units if unit.owner == owner]

    def everybody(self) -> list[raw_pb2.Unit]:
        """List all living units."""
        return self.units(1) + self.units(2)

    def order(self, **command: Any) -> int:
        """Order one thing; return the result."""
        raw = raw_pb2.ActionRaw(unit_command=raw_pb2.ActionRawUnitCommand(**command))
        return self.send(action=sc2api_pb2.RequestAction(actions=[sc2api_pb2.Action(action_raw=raw)])).result[0]

    def act(self, agents: list[raw_pb2.Unit], enemies: list[int], actions: np.ndarray) -> list[int]:
        """Order the agents' actions as SMAC does; return the results, none for the no-op.

        agents: all, as last seen alive. enemies: all tags by number. actions: [agents].
        """
        chosen = [(unit, int(action)) for unit, action in zip(agents, actions, strict=True) if action]
        orders = [self._command(agents, enemies, unit, action) for unit, action in chosen]
        raws = [raw_pb2.ActionRaw(unit_command=order) for order in orders]
        request = sc2api_pb2.RequestAction(actions=[sc2api_pb2.Action(action_raw=raw) for raw in raws])
        return list(self.controller.actions(request).result)

    @staticmethod
    def _command(agents: list[raw_pb2.Unit], enemies: list[int], unit: Any, action: int) -> Any:
        command = raw_pb2.ActionRawUnitCommand(unit_tags=[unit.tag])
        if action == 1:
            command.ability_id = STOP
        elif action in MOVES:
            command.ability_id = WALK
            command.target_world_space_pos.x = unit.pos.x + MOVES[action][0]
            command.target_world_space_pos.y = unit.pos.y + MOVES[action][1]
        elif unit.energy_max > 0:
            command.ability_id, command.target_unit_tag = HEAL, agents[action - 6].tag
        else:
            command.ability_id, command.target_unit_tag = ATTACK, enemies[action - 6]
        return command

    def kill(self, units: list[raw_pb2.Unit]) -> None:
        """Kill units by debug command, as SMAC does at a battle's end."""
        killed = debug_pb2.DebugKillUnit(tag=[unit.tag for unit in units])
        self.controller.debug([debug_pb2.DebugCommand(kill_unit=killed)])

    def weaken(self, units: list[raw_pb2.Unit]) -> None:
        """Leave units one point of health and no shield."""
        value = debug_pb2.DebugSetUnitValue
        for unit in units:
            for kind, points in ((value.Life, 1.0), (value.Shields, 0.0)):
                change = value(unit_value=kind, value=points, unit_tag=unit.tag)
                self.controller.debug(debug_pb2.DebugCommand(unit_value=change))
