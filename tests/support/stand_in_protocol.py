"""StarCraft II's protocol as the stand-in speaks it: which request is possible when, and what is answered.

It is enough for SMAC's StarCraft2Env: one player against the computer on SMAC's maps, raw units. Requests that the
game's present status does not allow, and such as it has not, are answered with an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from s2clientprotocol import debug_pb2, error_pb2, sc2api_pb2

from fedqmix.envs.maps import available_maps
from fedqmix.envs.units import unit_type
from support.stand_in_battles import BattlesOfGame
from support.stand_in_faults import Faults
from support.stand_in_maps import describe_ground, find_map, map_path
from support.stand_in_units import AGENTS, describe_abilities, describe_type, type_numbers

Request, Response = sc2api_pb2.Request, sc2api_pb2.Response
LAUNCHED, INIT_GAME, IN_GAME, ENDED = (
    sc2api_pb2.launched,
    sc2api_pb2.init_game,
    sc2api_pb2.in_game,
    sc2api_pb2.ended,
)
ANY = {LAUNCHED, INIT_GAME, IN_GAME, ENDED}

ALLOWED = {
    "ping": ANY,
    "available_maps": ANY,
    "quit": ANY,
    "create_game": {LAUNCHED, IN_GAME, ENDED},
    "join_game": {INIT_GAME},
    "game_info": {IN_GAME},
    "data": {IN_GAME},
    "observation": {IN_GAME, ENDED},
    "action": {IN_GAME},
    "step": {IN_GAME},
    "debug": {IN_GAME},
    "save_replay": {IN_GAME, ENDED},
    "leave_game": {IN_GAME, ENDED},
}
"""The requests there are, and in which status."""

VERSION = {"game_version": "4.10.0", "data_version": "B89B5D6FA7CBF6452E721311BFBC6CB2"}
VERSION |= {"data_build": 75689, "base_build": 75689}


class RefusalError(Exception):
    """A request cannot be carried out; the message goes into the response's errors."""


class Game:
    """The protocol's status machine, with the battles of the game that is on, if any."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.status = LAUNCHED
        self._create = sc2api_pb2.RequestCreateGame()
        self._join = sc2api_pb2.RequestJoinGame()
        self._battles: BattlesOfGame | None = None
        self._result = 0  # of the agents' player, once the game is over

    def answer(self, request: Request) -> Response:
        """Carry a request out; errors are told in the response."""
        name = request.WhichOneof("request")
        response = Response(id=request.id)
        try:
            if name not in ALLOWED:
                raise RefusalError(f"The stand-in has no request {name!r}; it has {', '.join(ALLOWED)}.")
            if self.status not in ALLOWED[name]:
                raise RefusalError(self._untimely(name))
            getattr(response, name).SetInParent()
            handler: Callable[[Any, Any], None] = getattr(self, f"_{name}")
            handler(getattr(request, name), getattr(response, name))
        except RefusalError as refusal:
            response.Clear()
            response.id = request.id
            response.error.append(str(refusal))
        response.status = self.status
        return response

    def _untimely(self, name: str) -> str:
        if self.status == ENDED:
            return f"Game has already ended: {name} is not possible any more."
        allowed = ", ".join(sc2api_pb2.Status.Name(status) for status in sorted(ALLOWED[name]))
        return f"{name} is not possible in status {sc2api_pb2.Status.Name(self.status)}, only in {allowed}."

    def _ping(self, _request: Any, response: Any) -> None:
        response.MergeFrom(sc2api_pb2.ResponsePing(**VERSION))

    def _available_maps(self, _request: Any, response: Any) -> None:
        response.local_map_paths.extend(map_path(name) for name in available_maps())

    def _quit(self, _request: Any, _response: Any) -> None:
        self.status = sc2api_pb2.quit

    def _create_game(self, request: Any, response: Any) -> None:
        errors = sc2api_pb2.ResponseCreateGame
        players = [setup.type for setup in request.player_setup]
        if request.realtime:
            raise RefusalError("The stand-in plays no games in real time.")
        if not request.HasField("local_map"):
            response.error, response.error_details = errors.MissingMap, "no local_map"
        elif find_map(request.local_map.map_path) is None:
            response.error, response.error_details = errors.InvalidMapPath, request.local_map.map_path
        elif not players:
            response.error = errors.MissingPlayerSetup
        elif players.count(sc2api_pb2.Participant) != 1:
            response.error, response.error_details = errors.MultiplayerUnsupported, "one participant, please"
        else:
            self._create.CopyFrom(request)
            self._end_battles()
            self.status = INIT_GAME

    def _join_game(self, request: Any, response: Any) -> None:
        errors = sc2api_pb2.ResponseJoinGame
        if request.WhichOneof("participation") is None:
            response.error = errors.MissingParticipation
        elif not request.HasField("race"):
            response.error, response.error_details = errors.FeatureUnsupported, "nobody can observe"
        elif not request.options.raw:
            response.error, response.error_details = errors.MissingOptions, "raw units only"
        else:
            self._join.CopyFrom(request)
            self._battles = BattlesOfGame(find_map(self._create.local_map.map_path), self._create.random_seed)
            self._result = 0
            self.status = IN_GAME
            response.player_id = 1

    def _game_info(self, _request: Any, response: Any) -> None:
        response.map_name = self._battles.record.name
        response.local_map_path = self._create.local_map.map_path
        response.start_raw.CopyFrom(describe_ground(self._battles.record))
        response.options.CopyFrom(self._join.options)
        response.player_info.add(player_id=1, type=sc2api_pb2.Participant, race_requested=self._join.race)
        for setup in self._create.player_setup:
            if setup.type == sc2api_pb2.Computer:
                race, difficulty = setup.race, setup.difficulty
                response.player_info.add(player_id=2, type=setup.type, race_requested=race, difficulty=difficulty)

    def _data(self, request: Any, response: Any) -> None:
        if request.unit_type_id:
            for (owner, name), number in type_numbers(self._battles.record).items():
                response.units.append(describe_type(unit_type(name), number, "_RL" if owner == AGENTS else ""))
        if request.ability_id:
            response.abilities.extend(describe_abilities())

    def _observation(self, _request: Any, response: Any) -> None:
        observation = response.observation
        observation.game_loop = self._battles.loop
        observation.player_common.player_id = 1
        observation.raw_data.CopyFrom(self._battles.observe())
        if self.status == ENDED:
            other = sc2api_pb2.Defeat if self._result == sc2api_pb2.Victory else sc2api_pb2.Victory
            response.player_result.add(player_id=1, result=self._result)
            response.player_result.add(player_id=2, result=other)

    def _action(self, request: Any, response: Any) -> None:
        for action in request.actions:
            command = action.action_raw.unit_command
            known = action.HasField("action_raw") and action.action_raw.HasField("unit_command")
            response.result.append(self._battles.order(command) if known else error_pb2.NotSupported)

    def _step(self, request: Any, response: Any) -> None:
        self._faults.before_step()
        self._battles.step(request.count or 1)
        response.simulation_loop = self._battles.loop

    def _debug(self, request: Any, _response: Any) -> None:
        for command in request.debug:
            name = command.WhichOneof("command")
            wrong = ""
            if name == "kill_unit":
                self._battles.kill(list(command.kill_unit.tag))
            elif name == "create_unit":
                wrong = self._battles.create(command.create_unit)
            elif name == "unit_value":
                wrong = self._battles.set_value(command.unit_value)
            elif name == "end_game":
                won = command.end_game.end_result == debug_pb2.DebugEndGame.DeclareVictory
                self._result = sc2api_pb2.Victory if won else sc2api_pb2.Defeat
                self.status = ENDED
            elif name != "draw":  # nobody sees what is drawn
                wrong = "the stand-in has only kill_unit, create_unit, unit_value, end_game and draw"
            if wrong:
                raise RefusalError(f"Debug command {name}: {wrong}.")

    def _save_replay(self, _request: Any, response: Any) -> None:
        told = {"map": self._battles.record.name, "seed": self._battles.seed, "battles": self._battles.history}
        response.data = b"fedqmix stand-in replay\n" + json.dumps(told).encode()

    def _leave_game(self, _request: Any, _response: Any) -> None:
        self._end_battles()
        self.status = LAUNCHED

    def _end_battles(self) -> None:
        if self._battles is not None:
            self._battles.close()
            self._battles = None
