"""Replays of SMACv2's scenarios: the field, the drawn units and the names of all actions."""

from __future__ import annotations

import pytest

from fedqmix.envs.episode_player import EpisodePlayer
from fedqmix.envs.replays import names_of_actions
from fedqmix.envs.replays.file import read_replay, replay_bytes
from support.worlds import options


@pytest.mark.parametrize("cone", [False, True])
@pytest.mark.parametrize("map", ["terran_10_vs_11", "terran_4_vs_2", "protoss_5_vs_5"])
def test_a_replay_shows_the_field_and_names_all_actions(map: str, cone: bool, tmp_path) -> None:
    player = EpisodePlayer(map, 3, options(conic_fov=cone))
    player.begin()
    for _ in range(4):
        player.step(player.available.argmax(-1))
    file = tmp_path / "a.json.gz"
    file.write_bytes(replay_bytes(player.replay("first")))
    replay = read_replay(file)
    assert replay.walkable.shape == (32, 32)
    assert replay.walkable.all()
    agents = player.spec.n_agents
    assert [unit.type for unit in replay.units] == [unit.type for unit in player.units()]
    names = names_of_actions(replay)
    first = 18 if cone else 6
    assert [len(own) for own in names] == [player.spec.n_actions] * agents
    for unit, own in zip(replay.units, names, strict=False):
        assert own[first].startswith("heal" if unit.type == "medivac" else "attack")
        assert ("look towards 330 degrees" in own) == cone
