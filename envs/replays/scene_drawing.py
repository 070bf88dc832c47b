"""Pictures of worlds that are not battles: items, agents in the colours of their groups, their ways and headings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from PIL import Image, ImageColor, ImageDraw

from fedqmix.envs.replays.drawing import CARD, EMPTY, GROUND, INK, QUIET, SMOOTH, Field, Painter, Step, font
from fedqmix.envs.replays.record import Replay
from fedqmix.envs.replays.scenery import Scenery
from fedqmix.runtime.core.scenes import NO_GROUP, Heading, Item, ItemState, ItemType, Kind
from fedqmix.runtime.core.world import Bools

GROUPS = (
    *("#1f66c4", "#c2471d", "#16804f", "#8a3fc0", "#a8780a"),
    *("#0f8590", "#c2327a", "#5d6b1e", "#6b4a2f", "#4b5a6b"),
)
"""The colours of groups; the eleventh group has the first one again."""
FOOD, SHELF, REQUESTED, GOAL, GRID = "#3f7d20", "#a9a79c", "#d98a00", "#d5d0f0", "#dddcd3"
TRAIL = 8
"""Environment steps of an agent's way that are drawn behind it."""
AHEAD: Mapping[int, tuple[int, int]] = {
    Heading.NORTH: (0, -1),
    Heading.SOUTH: (0, 1),
    Heading.WEST: (-1, 0),
    Heading.EAST: (1, 0),
}
"""The change of a picture's x and y, by heading."""


def group_colour(group: int) -> str:
    """Return the colour of a group of agents, and of the items that belong to it."""
    return GROUPS[group % len(GROUPS)]


class ScenePainter(Painter):
    """A drawer of the pictures of one replay that has a scenery."""

    def __init__(self, replay: Replay, scenery: Scenery, field: Field, title: str) -> None:
        """Draw the ground. scenery: the replay's."""
        self._replay, self._scenery, self._scene = replay, scenery, scenery.scene
        self._forms: Mapping[ItemType, Callable[[ImageDraw.ImageDraw, Step, int], None]] = {
            ItemType.LANDMARK: self._landmark,
            ItemType.FOOD: self._food,
            ItemType.PREY: self._food,
            ItemType.SHELF: self._shelf,
            ItemType.HOME: self._home,
            ItemType.GOAL: self._goal,
        }
        super().__init__(replay.walkable, replay.units, field, title)

    def _draw_ground(self, walkable: Bools, title: str) -> Image.Image:
        if self._scene.kind is Kind.PARTICLES:
            return self._draw_plane(title)
        image = super()._draw_ground(walkable, title)
        draw, (columns, rows) = ImageDraw.Draw(image), self._scene.size
        for x in range(columns + 1):
            draw.line((*self.field.at(x, 0), *self.field.at(x, rows)), fill=GRID, width=SMOOTH)
        for y in range(rows + 1):
            draw.line((*self.field.at(0, y), *self.field.at(columns, y)), fill=GRID, width=SMOOTH)
        return image

    def _draw_plane(self, title: str) -> Image.Image:
        """Draw a plane without borders, with a line at every unit of length."""
        image = super()._draw_ground(self._replay.walkable, title)
        draw, field = ImageDraw.Draw(image), self.field
        top, bottom = field.at(0, field.top)[1], field.at(0, field.bottom)[1]
        draw.rectangle((0, top, image.width, bottom), fill=GROUND)
        for x in range(int(field.left) - 1, int(field.right) + 2):
            draw.line((field.at(x, 0)[0], top, field.at(x, 0)[0], bottom), fill=GRID, width=SMOOTH)
        for y in range(int(field.bottom), int(field.top) + 1):
            draw.line((0, field.at(0, y)[1], image.width, field.at(0, y)[1]), fill=GRID, width=SMOOTH)
        return image

    def _behind(self, draw: ImageDraw.ImageDraw, step: Step) -> None:
        for item, fact in enumerate(self._scene.items):
            if self._scenery.item_state[step.number, item] != ItemState.GONE:
                self._forms[fact.type](draw, step, item)
        if self._scene.kind is Kind.PARTICLES:
            for agent in range(self._replay.n_agents):
                self._trail(draw, step, agent)

    def _colour(self, unit: int) -> str:
        return group_colour(self._scene.groups[unit])

    def _text(self, unit: int) -> str:
        return self._scene.labels[unit] or str(self._replay.units[unit].index)

    def _bars(self, draw: ImageDraw.ImageDraw, step: Step, unit: int) -> None:
        """Draw an agent's heading, and its number where another text is on it; there is no health."""
        (x, y), radius = step.place(self.field, unit), self._radius(unit)
        heading = self._scenery.heading[step.number + round(step.part), unit]
        if heading != Heading.NONE:
            self._tip(draw, (x, y), radius, AHEAD[int(heading)], self._colour(unit))
        if self._scene.labels[unit]:
            number = str(self._replay.units[unit].index)
            draw.text((x, y + radius + 5 * SMOOTH), number, fill=INK, font=font(9), anchor="mm")

    def _tip(
        self, draw: ImageDraw.ImageDraw, at: tuple[float, float], radius: float, ahead: tuple[int, int], colour: str
    ) -> None:
        (x, y), (dx, dy) = at, ahead
        tip = (x + 1.6 * radius * dx, y + 1.6 * radius * dy)
        sides = [
            (x + radius * (0.75 * dx + 0.66 * turn * dy), y + radius * (0.75 * dy + 0.66 * turn * dx))
            for turn in (-1, 1)
        ]
        draw.polygon([tip, *sides], fill=colour, outline=GROUND)

    def _trail(self, draw: ImageDraw.ImageDraw, step: Step, agent: int) -> None:
        first = max(0, step.number - TRAIL)
        ways = [
            self.field.at(self._replay.x[now, agent], self._replay.y[now, agent])
            for now in range(first, step.number + 1)
        ]
        ways.append(step.place(self.field, agent))
        for age, (start, end) in enumerate(pairwise(ways), 1):
            colour = blended(self._colour(agent), GROUND, 0.15 + 0.5 * age / len(ways))
            draw.line((*start, *end), fill=colour, width=2 * SMOOTH)

    def _place(self, step: Step, item: int) -> tuple[float, float]:
        now, then = step.number, step.number + 1
        x, y = (
            column[now, item] * (1 - step.part) + column[then, item] * step.part
            for column in (self._scenery.item_x, self._scenery.item_y)
        )
        return self.field.at(x, y)

    def _square(self, step: Step, item: int, half: float) -> tuple[float, float, float, float]:
        """Return the corners of a square around an item. half: of its side, in map cells."""
        (x, y), half = self._place(step, item), half * self.field.scale * SMOOTH
        return x - half, y - half, x + half, y + half

    def _landmark(self, draw: ImageDraw.ImageDraw, step: Step, item: int) -> None:
        left, top, right, bottom = self._square(step, item, 0.22)
        colour = item_colour(self._scene.items[item], INK)
        draw.line((left, top, right, bottom), fill=colour, width=4 * SMOOTH)
        draw.line((left, bottom, right, top), fill=colour, width=4 * SMOOTH)

    def _food(self, draw: ImageDraw.ImageDraw, step: Step, item: int) -> None:
        eaten = self._scenery.item_state[step.number + 1, item] == ItemState.GONE
        left, top, right, bottom = self._square(step, item, 0.42 * (1 - 0.6 * step.part) if eaten else 0.42)
        x, y = (left + right) / 2, (top + bottom) / 2
        draw.polygon([(x, top), (right, y), (x, bottom), (left, y)], fill=FOOD)
        size = 0.32 * self.field.scale
        draw.text((x, y), self._scene.items[item].label, fill=CARD, font=font(max(7, size)), anchor="mm")

    def _shelf(self, draw: ImageDraw.ImageDraw, step: Step, item: int) -> None:
        fact, wanted = self._scene.items[item], self._scenery.item_state[step.number, item] == ItemState.WANTED
        colour = item_colour(fact, REQUESTED if wanted else SHELF)
        carried = item in self._scenery.load[step.number]
        pale = fact.group != NO_GROUP and not wanted
        draw.rectangle(
            self._square(step, item, 0.42),
            fill=blended(colour, GROUND, 0.3) if pale else colour,
            outline=INK if carried else blended(colour, INK, 0.7) if wanted else blended(colour, GROUND, 0.7),
            width=(3 if carried else 2 if wanted else 1) * SMOOTH,
        )

    def _home(self, draw: ImageDraw.ImageDraw, step: Step, item: int) -> None:
        draw.rectangle(self._square(step, item, 0.46), outline=QUIET, fill=EMPTY)

    def _goal(self, draw: ImageDraw.ImageDraw, step: Step, item: int) -> None:
        draw.rectangle(self._square(step, item, 0.48), fill=GOAL)
        size = 0.5 * self.field.scale
        draw.text(self._place(step, item), "G", fill=QUIET, font=font(max(7, size)), anchor="mm")


def item_colour(item: Item, plain: str) -> str:
    """Return the colour of an item's group, or the plain one where it has no group."""
    return plain if item.group == NO_GROUP else group_colour(item.group)


def blended(colour: str, other: str, share: float) -> str:
    """Mix two colours. share: of the first."""
    pairs = zip(ImageColor.getrgb(colour), ImageColor.getrgb(other), strict=True)
    return "#{:02x}{:02x}{:02x}".format(*(round(share * one + (1 - share) * two) for one, two in pairs))
