"""Frames of a replay: the page's view of the field, in its light colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fedqmix.analysis.viewer import wording
from fedqmix.envs.replays import Replay

GROUND, WALL, CARD, INK, QUIET = "#ecebe4", "#bdbcb3", "#ffffff", "#1d2126", "#5c646e"
SIDES = {"ally": "#1f66c4", "enemy": "#c2471d"}
HEAL, HEALTH, LOW, SHIELD, EMPTY, DEAD, EXPLORED = (
    "#16804f",
    "#2c9a4b",
    "#d0342c",
    "#3a9bd6",
    "#c4c4bc",
    "#8b9097",
    "#8a3fc0",
)
MARGIN = 3.0  # map cells around the units' paths
SMOOTH = 2  # factor of supersampling: Pillow draws without anti-aliasing
CROWD = 24  # with more units, enemies have no numbers, and have bars only when damaged
HEAD, FOOT = 26, 26  # pixels for title and reward


@dataclass(frozen=True)
class Field:
    """The mapping from map cells to pixels.

    width, height: of the finished frame, even as video encoders require.
    """

    left: float  # map cells
    top: float
    scale: float  # pixels per cell
    width: int
    height: int

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel of a point of the map, in the supersampled drawing."""
        return (x - self.left) * self.scale * SMOOTH, ((self.top - y) * self.scale + HEAD) * SMOOTH


def field_of(replay: Replay, width: int) -> Field:
    """Fit the part of the map that units visit into a width in pixels, within 4:3."""
    columns, rows = replay.walkable.shape
    left, right = _bounds(replay.x, columns)
    bottom, top = _bounds(replay.y, rows)
    scale = min(width / (right - left), 0.75 * width / (top - bottom))
    wide = width / scale - (right - left)
    height = 2 * round((scale * (top - bottom) + HEAD + FOOT) / 2)
    return Field(left - wide / 2, top, scale, 2 * (width // 2), height)


def _bounds(values: np.ndarray, size: int) -> tuple[float, float]:
    low, high = max(0.0, float(values.min()) - MARGIN), min(float(size), float(values.max()) + MARGIN)
    return low, max(high, low + 8)


def frames(replay: Replay, times: Iterator[float], width: int) -> Iterator[Image.Image]:
    """Draw the battle at given times.

    times: environment steps, 0 to replay.steps. width: of a frame, in pixels.
    """
    painter = Painter(replay, field_of(replay, width))
    for time in times:
        yield painter.paint(time)


class Painter:
    """A drawer of one battle's frames; it draws the ground once."""

    def __init__(self, replay: Replay, field: Field) -> None:
        self.replay, self.field = replay, field
        self._marks = wording.marks(unit.type for unit in replay.units)
        self._title = f"{replay.map}: {wording.result(replay)}"
        self._sums = np.concatenate([[0.0], replay.team_reward.cumsum()])
        self._ground = self._draw_ground()

    def paint(self, time: float) -> Image.Image:
        """Draw one frame.

        time: in environment steps; 3.5 interpolates half way between moments 3 and 4.
        """
        replay, image = self.replay, self._ground.copy()
        draw = ImageDraw.Draw(image)
        step = min(int(time), replay.steps - 1)
        part = time - step
        standing = replay.health[step] > 0
        for unit in np.flatnonzero(~standing):
            self._dead(draw, int(unit), step, part)
        for unit in np.flatnonzero(standing & (replay.target[step + 1] >= 0)):
            self._action(draw, int(unit), int(replay.target[step + 1, unit]), step, part)
        for unit in np.flatnonzero(standing):
            self._disc(draw, int(unit), step, part)
        for unit in np.flatnonzero(standing):  # above all discs, so that no disc hides a bar
            self._bars(draw, int(unit), step, part)
        self._texts(draw, time)
        return image.resize((self.field.width, self.field.height), Image.Resampling.BOX)

    def _draw_ground(self) -> Image.Image:
        image = Image.new("RGB", (self.field.width * SMOOTH, self.field.height * SMOOTH), WALL)
        draw = ImageDraw.Draw(image)
        for x, y in np.argwhere(self.replay.walkable):
            draw.rectangle((*self.field.at(x, y + 1), *self.field.at(x + 1, y)), fill=GROUND)
        bottom = image.height - FOOT * SMOOTH
        draw.rectangle((0, 0, image.width, HEAD * SMOOTH), fill=CARD)
        draw.rectangle((0, bottom, image.width, image.height), fill=CARD)
        draw.text((8 * SMOOTH, 6 * SMOOTH), self._title, fill=INK, font=_font(13))
        return image

    def _place(self, unit: int, step: int, part: float) -> tuple[float, float]:
        return self.field.at(*(_between(column, unit, step, part) for column in (self.replay.x, self.replay.y)))

    def _radius(self, unit: int) -> float:
        return SMOOTH * max(4.0, self.replay.units[unit].radius * self.field.scale)

    def _dead(self, draw: ImageDraw.ImageDraw, unit: int, step: int, part: float) -> None:
        x, y = self._place(unit, step, part)
        arm = self._radius(unit) / 2
        draw.line((x - arm, y - arm, x + arm, y + arm), fill=DEAD, width=3)
        draw.line((x - arm, y + arm, x + arm, y - arm), fill=DEAD, width=3)

    def _action(self, draw: ImageDraw.ImageDraw, unit: int, target: int, step: int, part: float) -> None:
        side = self.replay.units[unit].side
        colour = HEAL if side == self.replay.units[target].side else SIDES[side]
        to = self._place(target, step, part)
        draw.line((*self._place(unit, step, part), *to), fill=colour, width=3)
        draw.circle(to, 3 * SMOOTH, fill=colour)

    def _disc(self, draw: ImageDraw.ImageDraw, unit: int, step: int, part: float) -> None:
        fact = self.replay.units[unit]
        at, radius = self._place(unit, step, part), self._radius(unit)
        dies = self.replay.health[step + 1, unit] <= 0
        if fact.side == "ally" and self.replay.explored[step, unit]:
            draw.circle(at, radius + 3 * SMOOTH, outline=EXPLORED, width=3)
        draw.circle(at, radius * (1 - 0.6 * part) if dies else radius, fill=SIDES[fact.side], outline=GROUND)
        draw.text(at, self._marks[fact.type], fill=CARD, font=_font(max(7, radius / SMOOTH)), anchor="mm")

    def _bars(self, draw: ImageDraw.ImageDraw, unit: int, step: int, part: float) -> None:
        replay, fact = self.replay, self.replay.units[unit]
        (x, y), radius = self._place(unit, step, part), self._radius(unit)
        health = _between(replay.health, unit, step, part) / fact.health_max
        shield = _between(replay.shield, unit, step, part) / fact.shield_max if fact.shield_max > 0 else 1.0
        plain = len(replay.units) > CROWD and fact.side == "enemy"
        if plain and health == shield == 1:
            return
        self._bar(draw, x, y - radius - 6 * SMOOTH, radius, health, LOW if health < 0.35 else HEALTH)
        if fact.shield_max > 0:
            self._bar(draw, x, y - radius - 10 * SMOOTH, radius, shield, SHIELD)
        if plain:
            return
        colour = INK if fact.side == "ally" else SIDES["enemy"]
        draw.text((x, y + radius + 7 * SMOOTH), str(fact.index), fill=colour, font=_font(9), anchor="mm")

    def _bar(self, draw: ImageDraw.ImageDraw, x: float, y: float, half: float, share: float, colour: str) -> None:
        share = min(max(share, 0.0), 1.0)
        draw.rectangle((x - half, y, x + half, y + 3 * SMOOTH), fill=EMPTY)
        if share > 0:
            draw.rectangle((x - half, y, x - half + 2 * half * share, y + 3 * SMOOTH), fill=colour)

    def _texts(self, draw: ImageDraw.ImageDraw, time: float) -> None:
        """Draw the environment step, the team reward, and a progress line along the bottom."""
        width, height = self.field.width * SMOOTH, self.field.height * SMOOTH
        draw.rectangle((0, height - 3 * SMOOTH, width * time / self.replay.steps, height), fill=SIDES["ally"])
        middle = height - (FOOT + 3) * SMOOTH / 2
        words = f"step {int(time)} of {self.replay.steps}"
        draw.text((8 * SMOOTH, middle), words, fill=QUIET, font=_font(12), anchor="lm")
        words = f"team reward {self._sums[int(time)]:.2f}"
        draw.text((width - 8 * SMOOTH, middle), words, fill=INK, font=_font(12), anchor="rm")


def _between(column: np.ndarray, unit: int, step: int, part: float) -> float:
    return float(column[step, unit] * (1 - part) + column[step + 1, unit] * part)


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * SMOOTH)
