"""Pictures of an episode between two moments, in the light colours of the replay page.

The Painter draws battles; envs.replays.scene_drawing has that of the other worlds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fedqmix.envs.replays.record import Reals, Unit
from fedqmix.runtime.core.world import Bools, Integers

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
SMOOTH = 2  # factor of supersampling: Pillow draws without anti-aliasing
CROWD = 24  # with more units, enemies have no numbers, and have bars only when damaged
HEAD, FOOT = 26, 26  # pixels for title and reward
MARKS = {
    "marine": "M",
    "marauder": "Mr",
    "medivac": "Md",
    "stalker": "S",
    "zealot": "Z",
    "colossus": "C",
    "zergling": "Zl",
    "baneling": "B",
    "hydralisk": "H",
    "spine_crawler": "Sp",
}


def marks(types: Iterable[str]) -> dict[str, str]:
    """Return the mark on a unit's disc by unit type; an unknown type gets its first two letters."""
    return {type_: MARKS.get(type_, type_[:2].capitalize()) for type_ in types}


@dataclass(frozen=True)
class Field:
    """The mapping from map cells to pixels.

    width, height: of the finished picture, even as video encoders require.
    """

    left: float  # map cells
    top: float
    scale: float  # pixels per cell
    width: int
    height: int

    @property
    def right(self) -> float:
        """The map's x at the right edge."""
        return self.left + self.width / self.scale

    @property
    def bottom(self) -> float:
        """The map's y at the lower edge of the field, above the caption."""
        return self.top - (self.height - HEAD - FOOT) / self.scale

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel of a point of the map, in the supersampled drawing."""
        return (x - self.left) * self.scale * SMOOTH, ((self.top - y) * self.scale + HEAD) * SMOOTH


def fit(across: tuple[float, float], up: tuple[float, float], width: int) -> Field:
    """Fit a part of the map, given by its bounds in map cells, into a width in pixels, within 4:3."""
    (left, right), (bottom, top) = across, up
    scale = min(width / (right - left), 0.75 * width / (top - bottom))
    wide = width / scale - (right - left)
    height = 2 * round((scale * (top - bottom) + HEAD + FOOT) / 2)
    return Field(left - wide / 2, top, scale, 2 * (width // 2), height)


class Moment(NamedTuple):
    """The units at one moment, as the columns of the same names in a Replay: [units]."""

    x: Reals
    y: Reals
    health: Reals
    shield: Reals
    target: Integers  # attacked or healed in the environment step before; -1 for none


class Caption(NamedTuple):
    """The texts below the field, and the length of the line under them."""

    left: str
    right: str
    progress: float  # 0..1 of the width


class Painter:
    """A drawer of one battle's pictures; it draws the ground once."""

    def __init__(self, walkable: Bools, units: Sequence[Unit], field: Field, title: str) -> None:
        """Draw the ground. walkable: [x, y], one flag per map cell. units: allies first."""
        self.field = field
        self._units = units
        self._marks = marks(unit.type for unit in units)
        self._ground = self._draw_ground(walkable, title)

    def paint(
        self, now: Moment, then: Moment, part: float, explored: Bools, caption: Caption, number: int = 0
    ) -> Image.Image:
        """Draw one picture between two moments, an environment step apart.

        part: 0 draws `now`, 1 draws `then`, 0.5 half way. explored: [agents], True where the step's action was an
        exploration draw; such agents get a ring. number: of the environment step in its episode.
        """
        image = self._ground.copy()
        draw = ImageDraw.Draw(image)
        step = Step(now, then, part, number)
        self._behind(draw, step)
        standing = now.health > 0
        for unit in np.flatnonzero(~standing):
            self._dead(draw, step.place(self.field, int(unit)), int(unit))
        for unit in np.flatnonzero(standing & (then.target >= 0)):
            self._action(draw, step, int(unit))
        for unit in np.flatnonzero(standing):
            self._disc(draw, step, int(unit), explored)
        for unit in np.flatnonzero(standing):  # above all discs, so that no disc hides a bar
            self._bars(draw, step, int(unit))
        self._texts(draw, caption)
        return image.resize((self.field.width, self.field.height), Image.Resampling.BOX)

    def _behind(self, draw: ImageDraw.ImageDraw, step: Step) -> None:
        """Draw what lies between ground and units: nothing in a battle."""

    def _colour(self, unit: int) -> str:
        return SIDES[self._units[unit].side]

    def _text(self, unit: int) -> str:
        return self._marks[self._units[unit].type]

    def _draw_ground(self, walkable: Bools, title: str) -> Image.Image:
        image = Image.new("RGB", (self.field.width * SMOOTH, self.field.height * SMOOTH), WALL)
        draw = ImageDraw.Draw(image)
        for x, y in np.argwhere(walkable):
            draw.rectangle((*self.field.at(x, y + 1), *self.field.at(x + 1, y)), fill=GROUND)
        bottom = image.height - FOOT * SMOOTH
        draw.rectangle((0, 0, image.width, HEAD * SMOOTH), fill=CARD)
        draw.rectangle((0, bottom, image.width, image.height), fill=CARD)
        draw.text((8 * SMOOTH, 6 * SMOOTH), title, fill=INK, font=font(13))
        return image

    def _radius(self, unit: int) -> float:
        return SMOOTH * max(4.0, self._units[unit].radius * self.field.scale)

    def _dead(self, draw: ImageDraw.ImageDraw, place: tuple[float, float], unit: int) -> None:
        (x, y), arm = place, self._radius(unit) / 2
        draw.line((x - arm, y - arm, x + arm, y + arm), fill=DEAD, width=3)
        draw.line((x - arm, y + arm, x + arm, y - arm), fill=DEAD, width=3)

    def _action(self, draw: ImageDraw.ImageDraw, step: Step, unit: int) -> None:
        target = int(step.then.target[unit])
        side = self._units[unit].side
        colour = HEAL if side == self._units[target].side else SIDES[side]
        to = step.place(self.field, target)
        draw.line((*step.place(self.field, unit), *to), fill=colour, width=3)
        draw.circle(to, 3 * SMOOTH, fill=colour)

    def _disc(self, draw: ImageDraw.ImageDraw, step: Step, unit: int, explored: Bools) -> None:
        fact = self._units[unit]
        at, radius = step.place(self.field, unit), self._radius(unit)
        dies = step.then.health[unit] <= 0
        if fact.side == "ally" and explored[unit]:
            draw.circle(at, radius + 3 * SMOOTH, outline=EXPLORED, width=3)
        draw.circle(at, radius * (1 - 0.6 * step.part) if dies else radius, fill=self._colour(unit), outline=GROUND)
        draw.text(at, self._text(unit), fill=CARD, font=font(max(7, radius / SMOOTH)), anchor="mm")

    def _bars(self, draw: ImageDraw.ImageDraw, step: Step, unit: int) -> None:
        fact = self._units[unit]
        (x, y), radius = step.place(self.field, unit), self._radius(unit)
        health = step.between("health", unit) / fact.health_max
        shield = step.between("shield", unit) / fact.shield_max if fact.shield_max > 0 else 1.0
        plain = len(self._units) > CROWD and fact.side == "enemy"
        if plain and health == shield == 1:
            return
        self._bar(draw, x, y - radius - 6 * SMOOTH, radius, health, LOW if health < 0.35 else HEALTH)
        if fact.shield_max > 0:
            self._bar(draw, x, y - radius - 10 * SMOOTH, radius, shield, SHIELD)
        if plain:
            return
        colour = INK if fact.side == "ally" else SIDES["enemy"]
        draw.text((x, y + radius + 7 * SMOOTH), str(fact.index), fill=colour, font=font(9), anchor="mm")

    def _bar(self, draw: ImageDraw.ImageDraw, x: float, y: float, half: float, share: float, colour: str) -> None:
        share = min(max(share, 0.0), 1.0)
        draw.rectangle((x - half, y, x + half, y + 3 * SMOOTH), fill=EMPTY)
        if share > 0:
            draw.rectangle((x - half, y, x - half + 2 * half * share, y + 3 * SMOOTH), fill=colour)

    def _texts(self, draw: ImageDraw.ImageDraw, caption: Caption) -> None:
        """Draw the caption, and its line along the bottom."""
        width, height = self.field.width * SMOOTH, self.field.height * SMOOTH
        draw.rectangle((0, height - 3 * SMOOTH, width * caption.progress, height), fill=SIDES["ally"])
        middle = height - (FOOT + 3) * SMOOTH / 2
        draw.text((8 * SMOOTH, middle), caption.left, fill=QUIET, font=font(12), anchor="lm")
        draw.text((width - 8 * SMOOTH, middle), caption.right, fill=INK, font=font(12), anchor="rm")


class Step(NamedTuple):
    """A point of time between two moments."""

    now: Moment
    then: Moment
    part: float
    number: int  # of the environment step in its episode

    def between(self, column: str, unit: int) -> float:
        now, then = getattr(self.now, column)[unit], getattr(self.then, column)[unit]
        return float(now * (1 - self.part) + then * self.part)

    def place(self, field: Field, unit: int) -> tuple[float, float]:
        return field.at(self.between("x", unit), self.between("y", unit))


def font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font of a size in pixels of the finished picture."""
    return ImageFont.load_default(size * SMOOTH)
