"""Unmodified pysc2 against the stand-in for the game: requests one by one, refusals, and ends on purpose."""

from __future__ import annotations

import signal

import numpy as np
import psutil
import pytest

from fedqmix.envs.factory import available_maps
from fedqmix.envs.maps import load_map
from support.tagged import eventually

SUCCESS, NOT_SUPPORTED, ERROR, CANNOT_QUEUE, CANNOT_TARGET = 1, 2, 3, 4, 36


def test_from_the_launch_to_the_end(launch):
    game = launch()
    version = game.controller.ping()
    assert (version.game_version, version.base_build, version.data_build) == ("4.10.0", 75689, 75689)
    assert game.status == "launched"
    paths = game.controller.available_maps().local_map_paths
    assert sorted(paths) == sorted(f"SMAC_Maps/{name}.SC2Map" for name in available_maps())
    game.create("3m")
    assert game.status == "init_game"
    assert game.join().player_id == 1
    assert game.status == "in_game"
    assert game.controller.step(3).simulation_loop == 3
    game.controller.leave()
    assert game.status == "launched"
    game.begin("2s3z")
    assert len(game.units(1)) == 5
    process = game.process._proc
    game.controller.quit()
    assert process.wait(60) == 0


def test_game_information_shows_the_maps_ground(game):
    for map in ("3m", "corridor", "2c_vs_64zg"):
        information = game.begin(map).controller.game_info()
        record, ground = load_map(map), information.start_raw
        width, height = record.walkable.shape
        assert information.map_name == map
        assert [player.player_id for player in information.player_info] == [1, 2]
        assert (ground.map_size.x, ground.map_size.y) == (width, height)
        assert (ground.playable_area.p0.x, ground.playable_area.p1.x) == (0, width)
        assert ground.pathing_grid.bits_per_pixel == 1
        bits = [(byte >> bit) & 1 for byte in ground.pathing_grid.data for bit in range(7, -1, -1)]
        np.testing.assert_array_equal(np.array(bits, np.bool_).reshape(height, width).T, record.walkable)
        levels = np.frombuffer(ground.terrain_height.data, np.uint8).reshape(height, width)
        np.testing.assert_allclose(levels.T[:, ::-1] / 255, record.height, atol=1e-6)


def test_the_games_data_name_the_units_and_their_weapons(game):
    game.begin("MMM2")
    data = game.controller.data()
    marauder, medivac = game.units(1)[0].unit_type, game.units(1)[-1].unit_type
    assert data.units[marauder] == "Marauder_RL"
    assert data.units[medivac] == "Medivac_RL"
    assert {data.units[unit.unit_type] for unit in game.units(2)} == {"Marauder", "Marine", "Medivac"}
    assert data.unit_stats[marauder].weapons[0].damage == 10
    assert not data.unit_stats[medivac].weapons
    assert set(data.abilities) == {4, 16, 23, 386}


def test_pysc2_itself_stops_what_the_status_does_not_allow(game):
    from pysc2.lib.protocol import ProtocolError

    with pytest.raises(ProtocolError, match="launched"):
        game.controller.step(8)


@pytest.mark.parametrize("request_name", ["join_game", "game_info", "data", "observation", "action", "step", "debug"])
def test_before_a_game_is_created_most_requests_are_refused(game, request_name):
    from pysc2.lib.protocol import ProtocolError
    from s2clientprotocol import sc2api_pb2

    request = sc2api_pb2.Request()
    getattr(request, request_name).SetInParent()
    with pytest.raises(ProtocolError, match=f"{request_name} is not possible in status launched"):
        game.send(**{request_name: getattr(request, request_name)})
    assert game.status == "launched"


@pytest.mark.parametrize("request_name", ["query", "quick_save", "start_replay", "restart_game", "map_command"])
def test_requests_that_it_has_not_are_refused(game, request_name):
    from pysc2.lib.protocol import ProtocolError
    from s2clientprotocol import sc2api_pb2

    request = sc2api_pb2.Request()
    getattr(request, request_name).SetInParent()
    with pytest.raises(ProtocolError, match=f"has no request '{request_name}'"):
        game.send(**{request_name: getattr(request, request_name)})


def test_games_that_cannot_be_created_or_joined(game):
    from pysc2.lib.protocol import ProtocolError
    from pysc2.lib.remote_controller import RequestError
    from s2clientprotocol import sc2api_pb2

    with pytest.raises(RequestError, match="InvalidMapPath"):
        game.create("3m", local_map=sc2api_pb2.LocalMap(map_path="SMAC_Maps/4m.SC2Map"))
    with pytest.raises(RequestError, match="MultiplayerUnsupported"):
        game.create("3m", player_setup=[sc2api_pb2.PlayerSetup(type=sc2api_pb2.Participant)])
    with pytest.raises(ProtocolError, match="real time"):
        game.create("3m", realtime=True)
    assert game.status == "launched"
    game.create("3m")
    with pytest.raises(RequestError, match="MissingParticipation"):
        game.controller.join_game(sc2api_pb2.RequestJoinGame())
    game.join()
    with pytest.raises(ProtocolError, match="join_game is not possible in status in_game"):
        game.send(join_game=sc2api_pb2.RequestJoinGame())


def test_orders_that_cannot_be_carried_out_get_the_protocols_results(game):
    game.begin("MMM")
    marauder, medivac, enemy = game.units(1)[0], game.units(1)[-1], game.units(2)[0]
    near = {"x": marauder.pos.x + 1, "y": marauder.pos.y}
    mine, healer = [marauder.tag], [medivac.tag]
    assert game.order(ability_id=4, unit_tags=mine) == SUCCESS
    assert game.order(ability_id=23, unit_tags=mine, target_unit_tag=enemy.tag) == SUCCESS
    assert game.order(ability_id=386, unit_tags=healer, target_unit_tag=marauder.tag) == SUCCESS
    assert game.order(ability_id=4, unit_tags=mine, queue_command=True) == CANNOT_QUEUE
    assert game.order(ability_id=4, unit_tags=[enemy.tag]) == ERROR
    assert game.order(ability_id=4, unit_tags=[12345]) == ERROR
    assert game.order(ability_id=16, unit_tags=mine, target_world_space_pos=near) == NOT_SUPPORTED
    assert game.order(ability_id=999, unit_tags=mine) == NOT_SUPPORTED
    assert game.order(ability_id=23, unit_tags=mine, target_unit_tag=medivac.tag) == CANNOT_TARGET
    assert game.order(ability_id=386, unit_tags=mine, target_unit_tag=medivac.tag) == CANNOT_TARGET
    assert game.order(ability_id=386, unit_tags=healer, target_unit_tag=medivac.tag) == CANNOT_TARGET
    game.kill([enemy])
    assert game.order(ability_id=23, unit_tags=mine, target_unit_tag=enemy.tag) == CANNOT_TARGET


def test_units_are_created_in_the_places_of_dead_ones(game):
    from pysc2.lib.protocol import ProtocolError
    from s2clientprotocol import debug_pb2

    game.begin("2s3z")
    stalker, *rest = game.units(1)
    create = debug_pb2.DebugCreateUnit(unit_type=stalker.unit_type, owner=1, pos={"x": 9.5, "y": 12.25}, quantity=1)
    with pytest.raises(ProtocolError, match="0 units of type"):
        game.controller.debug(debug_pb2.DebugCommand(create_unit=create))
    game.kill([stalker])
    dead = game.controller.observe().observation.raw_data.event.dead_units
    assert list(dead) == [stalker.tag]
    game.controller.debug(debug_pb2.DebugCommand(create_unit=create))
    created, *others = game.units(1)
    assert (created.pos.x, created.pos.y, created.health) == (9.5, 12.25, stalker.health)
    assert created.tag != stalker.tag
    assert [unit.tag for unit in others] == [unit.tag for unit in rest]
    assert game.order(ability_id=4, unit_tags=[created.tag]) == SUCCESS


def test_a_game_that_has_ended_tells_who_won_and_goes_no_further(game):
    from pysc2.lib.protocol import ProtocolError
    from s2clientprotocol import debug_pb2, sc2api_pb2

    game.begin("3m")
    end = debug_pb2.DebugEndGame(end_result=debug_pb2.DebugEndGame.DeclareVictory)
    game.controller.debug(debug_pb2.DebugCommand(end_game=end))
    assert game.status == "ended"
    results = {player.player_id: player.result for player in game.controller.observe().player_result}
    assert results == {1: sc2api_pb2.Victory, 2: sc2api_pb2.Defeat}
    with pytest.raises(ProtocolError, match="Game has already ended"):
        game.send(step=sc2api_pb2.RequestStep(count=1))
    game.begin("3m")
    assert game.status == "in_game"


def test_a_crash_is_a_lost_connection_and_does_not_come_again(launch, monkeypatch, tmp_path):
    from pysc2.lib.protocol import ConnectionError as LostConnectionError

    monkeypatch.setenv("FEDQMIX_STAND_IN_COUNTER", str(tmp_path / "games"))
    monkeypatch.setenv("FEDQMIX_STAND_IN_CRASH", "1:3")
    game = launch().begin("3m")
    game.controller.step(8)
    game.controller.step(8)
    with pytest.raises(LostConnectionError):
        game.controller.step(8)
    assert game.process._proc.wait(60) == -signal.SIGKILL
    again = launch().begin("3m")
    for loops in range(8, 48, 8):
        assert again.controller.step(8).simulation_loop == loops


def test_a_game_that_hangs_lives_on_without_an_answer(launch, monkeypatch):
    from pysc2.lib.protocol import ConnectionError as LostConnectionError

    monkeypatch.setenv("FEDQMIX_STAND_IN_HANG", "*:2")
    game = launch().begin("3m")
    game.controller.step(8)
    game.controller._client._sock.settimeout(1)
    with pytest.raises(LostConnectionError, match="timed out"):
        game.controller.step(8)
    assert game.process.running


def test_a_game_that_freezes_stops_as_a_whole(launch, monkeypatch):
    from pysc2.lib.protocol import ConnectionError as LostConnectionError

    monkeypatch.setenv("FEDQMIX_STAND_IN_FREEZE", "1:1")
    game = launch().begin("3m")
    game.controller._client._sock.settimeout(1)
    with pytest.raises(LostConnectionError, match="timed out"):
        game.controller.step(8)
    process = psutil.Process(game.process.pid)
    assert eventually(lambda: process.status() == psutil.STATUS_STOPPED)
    process.kill()


def test_a_game_that_refuses_to_start(launch, monkeypatch, tmp_path):
    from pysc2.lib.remote_controller import ConnectError

    monkeypatch.setenv("FEDQMIX_STAND_IN_COUNTER", str(tmp_path / "games"))
    monkeypatch.setenv("FEDQMIX_STAND_IN_REFUSE", "1")
    with pytest.raises(ConnectError):
        launch()
    assert launch().controller.ping().base_build == 75689
