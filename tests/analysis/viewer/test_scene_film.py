"""Films of worlds that are not battles: everything is drawn where the record has it, in the legend's colour."""

from __future__ import annotations

from pathlib import Path

import imageio_ffmpeg
import pytest
from PIL import Image

from fedqmix.analysis.viewer import GIF, MP4, frame_count, frames, write_gif, write_mp4
from fedqmix.envs.replays import Replay, drawing, scene_drawing
from fedqmix.runtime.core.scenes import ItemState, ItemType
from support.shown_scenes import SHOWS, shown


class Pictures:
    """The frames of a replay, asked for the colours at points of the map."""

    def __init__(self, replay: Replay) -> None:
        self.painter = frames.Painter(replay, frames.field_of(replay, 960))

    def at(self, time: float, x: float, y: float) -> str:
        across, down = self.painter.field.at(x, y)
        place = (round(across / drawing.SMOOTH), round(down / drawing.SMOOTH))
        return "#{:02x}{:02x}{:02x}".format(*self.painter.paint(time).getpixel(place))


def test_particles_and_landmarks_have_the_colours_of_their_groups() -> None:
    replay, beside = shown("bps"), 0.06  # beside the number on the disc
    pictures = Pictures(replay)
    last = 14  # drawn above all others
    assert pictures.at(0, replay.x[0, last] - beside, replay.y[0, last]) == scene_drawing.group_colour(2)
    for item in range(3):
        x, y = replay.scenery.item_x[0, item], replay.scenery.item_y[0, item]
        assert pictures.at(0, x, y) == scene_drawing.group_colour(item)
    for time in (3, 3.5):  # half way between two moments, it is drawn half way
        x = replay.x[3, last] * (4 - time) + replay.x[4, last] * (time - 3)
        y = replay.y[3, last] * (4 - time) + replay.y[4, last] * (time - 3)
        assert pictures.at(time, x - beside, y) == scene_drawing.group_colour(2)


def test_a_food_is_drawn_until_it_is_eaten() -> None:
    replay = shown("lbf")
    pictures, scenery = Pictures(replay), replay.scenery
    for item in range(len(scenery.scene.items)):
        eaten = int((scenery.item_state[:, item] == ItemState.THERE).sum())
        x, y = scenery.item_x[0, item] - 0.25, scenery.item_y[0, item]
        assert pictures.at(eaten - 1, x, y) == scene_drawing.FOOD
        if eaten < replay.steps:
            assert pictures.at(eaten, x, y) == drawing.GROUND


def test_shelves_show_who_wants_and_who_carries_them() -> None:
    replay = shown("rware")
    pictures, scenery = Pictures(replay), replay.scenery
    beside = 0.34  # of a shelf's centre: inside the shelf, beside an agent's disc
    for item, fact in enumerate(scenery.scene.items):
        if fact.type is not ItemType.SHELF:
            continue
        wanted = scenery.item_state[0, item] == ItemState.WANTED
        colour = scene_drawing.REQUESTED if wanted else scene_drawing.SHELF
        assert pictures.at(0, scenery.item_x[0, item] - beside, scenery.item_y[0, item] + beside) == colour
    moment = int((scenery.load >= 0).any(1).argmax())
    agent = int((scenery.load[moment] >= 0).argmax())
    x, y = replay.x[moment, agent], replay.y[moment, agent]
    assert pictures.at(moment, x - 0.42 + 0.02, y + 0.2) == drawing.INK  # the frame of a carried shelf
    assert pictures.at(moment - 1, x - 0.42 + 0.02, y + 0.2) != drawing.INK


def test_the_tip_is_where_an_agent_faces() -> None:
    replay = shown("rware")
    pictures, scenery = Pictures(replay), replay.scenery
    blue = scene_drawing.group_colour(0)
    for agent in range(2):
        dx, dy = {0: (0, 1), 1: (0, -1), 2: (-1, 0), 3: (1, 0)}[int(scenery.heading[0, agent])]
        x, y = replay.x[0, agent], replay.y[0, agent]
        ahead = 0.28 * 1.3  # beyond the disc, before the tip's end
        assert pictures.at(0, x + ahead * dx, y + ahead * dy) == blue
        assert pictures.at(0, x - ahead * dx, y - ahead * dy) != blue


@pytest.mark.parametrize("name", SHOWS)
def test_films_have_every_picture(name: str, tmp_path: Path) -> None:
    replay = shown(name)
    write_gif(replay, tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as gif:
        assert gif.size == (640, frames.field_of(replay, 640).height)
        durations = []
        for number in range(gif.n_frames):
            gif.seek(number)
            durations.append(gif.info["duration"])
    assert sum(durations) == 80 * frame_count(replay, GIF)
    write_mp4(replay, tmp_path / "film.mp4")
    assert imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "film.mp4"))[0] == frame_count(replay, MP4)


def test_the_page_and_the_films_have_the_same_colours() -> None:
    """The style sheet's light colours are those of the pictures."""
    style = (Path(frames.__file__).parent / "template" / "style.css").read_text()
    light = style[: style.index("@media")]
    named = {f"group-{number}": colour for number, colour in enumerate(scene_drawing.GROUPS)}
    named |= {"food": scene_drawing.FOOD, "shelf": scene_drawing.SHELF, "requested": scene_drawing.REQUESTED}
    named |= {"goal": scene_drawing.GOAL}
    for name, colour in named.items():
        assert f"--{name}: {colour};" in light
