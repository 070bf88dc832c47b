"""Replays of worlds that are not battles as files: what is written comes back, and nothing else is read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedqmix.envs.replays import Replay, read_replay, replay_bytes
from fedqmix.runtime.core.errors import ReplayError
from support.shown_battles import assert_equal_replays, short_battle
from support.shown_scenes import SHOWS, shown

FOLDER = Path(__file__).parent / "replays"
Change = Callable[[dict[str, Any]], object]


def written(tmp_path: Path, name: str, change: Change = lambda values: None) -> Path:
    """Write a replay whose JSON was changed."""
    values = json.loads(gzip.decompress(replay_bytes(shown(name))))
    change(values)
    path = tmp_path / "episode.json.gz"
    path.write_bytes(gzip.compress(json.dumps(values).encode()))
    return path


@pytest.mark.parametrize("name", SHOWS)
def test_what_is_written_comes_back(tmp_path: Path, name: str) -> None:
    replay, found = shown(name), read_replay(written(tmp_path, name))
    assert_equal_replays(
        replace(replay, scenery=None, **ground(replay)), replace(found, scenery=None, **ground(found)), 3
    )
    assert found.scenery.scene == replay.scenery.scene
    for column in ("heading", "load", "item_state"):
        np.testing.assert_array_equal(getattr(found.scenery, column), getattr(replay.scenery, column))
        assert getattr(found.scenery, column).dtype == np.int64
    for column in ("item_x", "item_y"):
        np.testing.assert_allclose(getattr(found.scenery, column), getattr(replay.scenery, column), rtol=0, atol=0.6e-3)
    assert found.walkable.shape == replay.walkable.shape


def ground(replay: Replay) -> dict[str, Any]:
    """A battle, which has no scenery, needs a ground."""
    return {"walkable": np.ones((1, 1), np.bool_)}


def test_battles_keep_the_first_version_and_other_episodes_have_the_second() -> None:
    """So that earlier releases open battles, and say of other episodes that they are of another version."""
    battle = json.loads(gzip.decompress(replay_bytes(short_battle())))
    episode = json.loads(gzip.decompress(replay_bytes(shown("lbf"))))
    assert (battle["version"], "scenery" in battle, "walkable" in battle, "health" in battle) == (1, False, True, True)
    assert (episode["version"], "scenery" in episode, "walkable" in episode, "health" in episode) == (
        2,
        True,
        False,
        False,
    )


def test_a_file_of_an_earlier_release_opens() -> None:
    """The file was written by the release before replays had scenery."""
    path = FOLDER / "battle-version-1.json.gz"
    assert_equal_replays(short_battle(), read_replay(path), places=9)
    assert gzip.decompress(replay_bytes(short_battle())) == gzip.decompress(path.read_bytes())


def test_only_changes_are_stored() -> None:
    """All but a few shelves stand still, so a file has little more than each item once."""
    replay = shown("rware")
    changes = json.loads(gzip.decompress(replay_bytes(replay)))["scenery"]["item_changes"]
    items = len(replay.scenery.scene.items)
    assert [change[:2] for change in changes[:items]] == [[0, item] for item in range(items)]
    assert items < len(changes) < items + 4 * replay.steps


def scenery(change: Change) -> Change:
    return lambda values: change(values["scenery"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values.update(version=3), "version 3"),
        (lambda values: values.update(version=1), "no 'health'"),
        (lambda values: values.pop("scenery"), "no 'scenery'"),
        (lambda values: values["units"].append({**values["units"][0], "side": "enemy"}), "has shape|agents"),
        (scenery(lambda s: s.pop("groups")), "no 'groups'"),
        (scenery(lambda s: s.update(kind="dream")), "dream"),
        (scenery(lambda s: s.update(kind="battle")), "cannot have the size"),
        (scenery(lambda s: s.update(kind="particles")), "cannot have the size"),
        (scenery(lambda s: s.update(size=[10**9, 10**9])), "cannot have the size"),
        (scenery(lambda s: s.update(size=[8])), "columns and rows"),
        (scenery(lambda s: s.update(size=[8.5, 8])), "whole numbers"),
        (scenery(lambda s: s["groups"].pop()), "those of 2 agents"),
        (scenery(lambda s: s["groups"].__setitem__(0, -1)), "groups must be 0"),
        (scenery(lambda s: s["labels"].__setitem__(0, "x" * 65)), "at most 64"),
        (scenery(lambda s: s["labels"].__setitem__(0, 2)), "must be texts"),
        (scenery(lambda s: s["action_names"][0].pop()), "must name 6 actions"),
        (scenery(lambda s: s["items"][0].update(type="ghost")), "ghost"),
        (scenery(lambda s: s["items"][0].update(group="red")), "group"),
        (scenery(lambda s: s["heading"][0].__setitem__(0, 4)), "heading must be from -1 to 3"),
        (scenery(lambda s: s["heading"].pop()), "shape|expected"),
        (scenery(lambda s: s["load"][0].__setitem__(0, 3)), "load must be from -1 to 2"),
        (scenery(lambda s: s["load"][0].__setitem__(0, 0.5)), "whole numbers"),
        (scenery(lambda s: s["item_changes"].pop(0)), "every item at moment 0"),
        (scenery(lambda s: s["item_changes"].clear()), "every item at moment 0"),
        (scenery(lambda s: s["item_changes"].append([10**6, 0, 1, 1, 1])), "order of moments"),
        (scenery(lambda s: s["item_changes"].append([0, 0, 1, 1, 1])), "order of moments"),
        (scenery(lambda s: s["item_changes"].append([8, 99, 1, 1, 1])), "order of moments"),
        (scenery(lambda s: s["item_changes"].append([8, 0.5, 1, 1, 1])), "whole moments"),
        (scenery(lambda s: s["item_changes"].append([8, 0, None, 1, 1])), "finite"),
        (scenery(lambda s: s["item_changes"].append([8, 0, 1, 1, 7])), "item_state must be from 0 to 2"),
        (scenery(lambda s: s["item_changes"].append([8, 0, 1])), "damaged"),
        (scenery(lambda s: s.update(items=s["items"] * 10**6)), "places"),
    ],
)  # fmt: skip
def test_a_changed_file_is_refused(tmp_path: Path, change: Change, said: str) -> None:
    path = written(tmp_path, "lbf", change)
    with pytest.raises(ReplayError, match=said) as caught:
        read_replay(path)
    assert str(path) in str(caught.value)


def test_a_replay_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        shown("lbf").scenery.item_x[0, 0] = 1
