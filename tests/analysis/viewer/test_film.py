"""Replays as GIF and MP4: read back, they have the pictures they should have."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from fedqmix.analysis.viewer import GIF, MP4, frame_count, frames, video, write_gif, write_mp4
from fedqmix.envs.replays import Replay, Unit, drawing
from fedqmix.runtime.core.errors import ConfigurationError, StorageError
from support.shown_battles import N, short_battle

Write = Callable[[Replay, Path], None]


def test_a_gif_has_every_picture_for_its_time(tmp_path: Path) -> None:
    battle, shown = short_battle(), []
    write_gif(battle, tmp_path / "battle.gif", lambda: shown.append(1))
    with Image.open(tmp_path / "battle.gif") as gif:
        assert gif.size == (640, frames.field_of(battle, 640).height)
        assert gif.info["loop"] == 0
        durations = []
        for number in range(gif.n_frames):
            gif.seek(number)
            durations.append(gif.info["duration"])
    count = frame_count(battle, GIF)
    assert count == 3 * 4 + 1 + GIF.last
    assert sum(durations) == 80 * count  # Pillow makes equal pictures one, shown for as long as all of them
    assert len(durations) >= 3 * 4
    assert len(shown) == count


def test_a_video_has_every_picture(tmp_path: Path) -> None:
    battle, path = short_battle(), tmp_path / "battle.mp4"
    write_mp4(battle, path)
    count, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    assert count == frame_count(battle, MP4) == 3 * 8 + 1 + MP4.last
    assert seconds == pytest.approx(count / MP4.pictures_per_second, abs=0.05)
    reader = imageio_ffmpeg.read_frames(str(path))
    width, height = next(reader)["size"]
    field = frames.field_of(battle, 960)
    assert (width, height) == (field.width, field.height)
    pictures = [np.frombuffer(data, np.uint8).reshape(height, width, 3) for data in reader]
    expected = np.asarray(next(frames.frames(battle, iter([0.0]), 960)))
    assert np.abs(pictures[0].astype(int) - expected).mean() < 3  # H.264 keeps what it can
    assert np.abs(pictures[-1].astype(int) - expected).mean() > np.abs(pictures[0].astype(int) - expected).mean()


def test_pictures_show_units_where_they_are() -> None:
    battle = short_battle()
    painter = frames.Painter(battle, frames.field_of(battle, 960))

    def colour_at(time: float, x: float, y: float) -> str:
        across, down = painter.field.at(x, y)
        place = (round(across / drawing.SMOOTH), round(down / drawing.SMOOTH))
        return "#{:02x}{:02x}{:02x}".format(*painter.paint(time).getpixel(place))

    beside = 0.45  # cells from the centre: inside the disc, beside its letter
    assert colour_at(0, 12 - beside, 5) == drawing.SIDES["enemy"]
    assert colour_at(0.5, 11.5 - beside, 5) == drawing.SIDES["enemy"]
    assert colour_at(1, 12.5, 5) == drawing.GROUND
    assert colour_at(0, 2, 4 - 0.6) == drawing.SIDES["ally"]
    assert colour_at(0, 14, 8.5) == drawing.WALL
    assert colour_at(0, 14, 7.5) == drawing.GROUND
    line = colour_at(1.5, 2 + 0.9, 4 + 0.9 * 1.125 / 2.5)  # from the medivac to the marine it heals; soft at its edge
    assert distance(line, drawing.HEAL) < distance(line, drawing.GROUND) / 2


def crowd(enemies: int) -> Replay:
    """One agent and a row of enemies, of which number 1 is hurt."""
    count = 1 + enemies
    health = np.full((2, count), 35.0)
    health[:, 2] = 20
    columns = {name: np.zeros((2, count)) for name in ("shield", "energy_or_cooldown")}
    return short_battle(
        units=tuple(Unit("enemy" if i else "ally", max(i - 1, 0), "zergling", 0.375, 35.0, 0.0) for i in range(count)),
        x=np.array([[1 + 0.5 * i for i in range(count)]] * 2),
        y=np.full((2, count), 4.0),
        health=health,
        **columns,
        target=np.full((2, count), -1),
        actions=np.array([[1]]),
        explored=np.array([[False]]),
        q_values=np.array([[[N, 0.5]]]),
        individual_rewards=np.zeros((1, 1)),
        team_reward=np.zeros(1),
        walkable=np.ones((20, 8), np.bool_),
    )


@pytest.mark.parametrize(("enemies", "whole_has_bar"), [(10, True), (30, False)])
def test_in_a_crowd_only_hurt_enemies_have_bars(enemies: int, whole_has_bar: bool) -> None:
    battle = crowd(enemies)
    field = frames.field_of(battle, 960)
    picture = frames.Painter(battle, field).paint(0)

    def has_bar(unit: int) -> bool:
        across, down = field.at(battle.x[0, unit], 4)
        radius = max(4.0, 0.375 * field.scale)
        place = (round(across / drawing.SMOOTH - radius + 2), round(down / drawing.SMOOTH - radius - 5))
        colour = "#{:02x}{:02x}{:02x}".format(*picture.getpixel(place))
        return distance(colour, drawing.HEALTH) < distance(colour, drawing.GROUND)

    assert has_bar(0)  # an agent
    assert has_bar(2)  # hurt
    assert has_bar(enemies) == whole_has_bar


def distance(one: str, other: str) -> float:
    channels = [np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) for colour in (one, other)]
    return float(np.linalg.norm(channels[0] - channels[1]))


@pytest.mark.parametrize("write", [write_gif, write_mp4])
def test_nothing_is_left_of_a_film_that_cannot_be_written(tmp_path: Path, write: Write) -> None:
    (tmp_path / "taken.mp4").mkdir()
    (tmp_path / "taken.mp4" / "file").touch()
    with pytest.raises(StorageError, match=r"taken\.mp4"):
        write(short_battle(), tmp_path / "taken.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.mp4"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("write", [write_gif, write_mp4])
def test_a_full_disk_is_told(tmp_path: Path, write: Write) -> None:
    (tmp_path / ".tmp-film").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"cannot write .*/film: "):
        write(short_battle(), tmp_path / "film")
    assert not list(tmp_path.iterdir())


def test_without_the_coder_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ConfigurationError, match=r"fedqmix\[video\]"):
        video.write_mp4(short_battle(), tmp_path / "battle.mp4")
    assert not list(tmp_path.iterdir())
