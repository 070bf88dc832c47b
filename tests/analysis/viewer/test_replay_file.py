"""Replays as files: what is written comes back, and what is no whole replay is refused by name."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedqmix.envs.replays import Unit, action_names, read_replay, replay_bytes
from fedqmix.runtime.core.errors import ReplayError
from support.shown_battles import assert_equal_replays, short_battle


def written(tmp_path: Path, change: Callable[[dict[str, Any]], object] = lambda values: None) -> Path:
    """Write a replay whose JSON was changed."""
    values = json.loads(gzip.decompress(replay_bytes(short_battle())))
    change(values)
    path = tmp_path / "battle.json.gz"
    path.write_bytes(gzip.compress(json.dumps(values).encode()))
    return path


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    battle = short_battle()
    assert_equal_replays(battle, read_replay(written(tmp_path)), places=9)


def test_equal_battles_have_equal_files() -> None:
    assert replay_bytes(short_battle()) == replay_bytes(short_battle())
    other = short_battle(team_reward=np.array([0.5, 0, -0.125]))
    assert replay_bytes(short_battle()) != replay_bytes(other)


@given(st.lists(st.floats(-1000, 1000), min_size=12, max_size=12))
def test_any_numbers_come_back_as_close_as_they_are_rounded(tmp_path_factory: Any, numbers: list[float]) -> None:
    rows = np.array(numbers).reshape(4, 3)
    path = tmp_path_factory.getbasetemp() / "any.json.gz"
    path.write_bytes(replay_bytes(short_battle(x=rows, team_reward=rows[0])))
    found = read_replay(path)
    np.testing.assert_allclose(found.x, rows, rtol=0, atol=0.5e-3 + 1e-9)
    np.testing.assert_allclose(found.team_reward, rows[0], rtol=0, atol=0.5e-5 + 1e-9)


def test_a_replay_cannot_be_changed() -> None:
    battle = short_battle()
    with pytest.raises(ValueError, match="read-only"):
        battle.x[0, 0] = 1
    assert battle.team_return == 0.25
    assert battle.available_actions.sum() == 6 + 7 + 5 + 7 + 5 + 7


def test_targets_are_named_by_what_an_agent_does_to_them() -> None:
    marine, medivac = action_names(short_battle().units, 8)
    assert marine == [
        *("no-op", "stop", "move north", "move south", "move east", "move west"),
        *("attack stalker 0", "action 7"),
    ]
    crawler = Unit("enemy", 0, "spine_crawler", 1.0, 300.0, 0.0)
    assert action_names([short_battle().units[0], crawler], 7)[0][6] == "attack spine crawler 0"
    assert medivac[6:] == ["heal marine 0", "heal medivac 1"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values.update(format="something else"), "is not a valid replay"),
        (lambda values: values.update(version=3), "version 3"),
        (lambda values: values.update(version=2), "no 'scenery'"),
        (lambda values: values.pop("health"), "no 'health'"),
        (lambda values: values["occasion"].pop("seed"), "no 'seed'"),
        (lambda values: values["units"][0].update(radius="big"), "radius is 'big'"),
        (lambda values: values["units"].reverse(), "allies"),
        (lambda values: values["health"].pop(), "health has shape"),
        (lambda values: values["x"][1].pop(), "damaged"),
        (lambda values: values["x"][1].__setitem__(0, None), "x is not finite"),
        (lambda values: values["target"][1].__setitem__(0, 3), "target must be"),
        (lambda values: values["actions"][1].__setitem__(0, 8), "actions must be"),
        (lambda values: values["actions"][1].__setitem__(0, 0), "not available"),
        (lambda values: values["actions"][1].__setitem__(0, 4.5), "actions must be whole"),
        (lambda values: values.update(result="drawn"), "drawn"),
        (lambda values: values["walkable"].__setitem__(0, "..x"), "walkable"),
        (lambda values: values.update(team_reward=[]), "at least one environment step"),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str) -> None:
    path = written(tmp_path, change)
    with pytest.raises(ReplayError, match=said) as caught:
        read_replay(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not a valid replay"),
        (b"GIF89a", "is not a valid replay"),
        (gzip.compress(b"[1, 2"), "does not hold JSON"),
        (gzip.compress(b"\xff\xfe\x00"), "does not hold JSON"),
        (gzip.compress(b"[1, 2]"), "is not a valid replay"),
        (replay_bytes(short_battle())[:-20], "damaged"),
    ],
    ids=["empty", "a picture", "half JSON", "no text", "other JSON", "cut short"],
)
def test_a_foreign_or_short_file_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "battle.json.gz"
    path.write_bytes(data)
    with pytest.raises(ReplayError, match=said):
        read_replay(path)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    data = bytearray(replay_bytes(short_battle()))
    path = tmp_path / "battle.json.gz"
    for place in range(10, len(data), 37):
        data[place] ^= 4
        path.write_bytes(data)
        with pytest.raises(ReplayError, match="damaged"):
            read_replay(path)
        data[place] ^= 4


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="there is no replay"):
        read_replay(tmp_path / "nothing.json.gz")
