"""Frames of a replay: the page's view of the field, drawn by envs.replays.drawing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from fedqmix.analysis.viewer import wording
from fedqmix.envs.replays import Replay, drawing
from fedqmix.envs.replays.drawing import Caption, Field, Moment
from fedqmix.envs.replays.scene_drawing import ScenePainter
from fedqmix.runtime.core.scenes import Kind

MARGIN = 3.0  # map cells around the units' paths
AROUND = 0.5  # around the paths of particles and their landmarks
BORDER = 0.25  # map cells around a whole grid


def field_of(replay: Replay, width: int) -> Field:
    """Fit what is shown into a width in pixels, within 4:3: a whole grid, or the part in which units and items are."""
    columns, rows = replay.walkable.shape
    scenery = replay.scenery
    if scenery is None:
        return drawing.fit(_bounds(replay.x, columns), _bounds(replay.y, rows), width)
    if replay.kind is Kind.GRID:
        return drawing.fit((-BORDER, columns + BORDER), (-BORDER, rows + BORDER), width)
    across, up = np.append(replay.x, scenery.item_x), np.append(replay.y, scenery.item_y)
    return drawing.fit((across.min() - AROUND, across.max() + AROUND), (up.min() - AROUND, up.max() + AROUND), width)


def _bounds(values: np.ndarray, size: int) -> tuple[float, float]:
    low, high = max(0.0, float(values.min()) - MARGIN), min(float(size), float(values.max()) + MARGIN)
    return low, max(high, low + 8)


def frames(replay: Replay, times: Iterator[float], width: int) -> Iterator[Image.Image]:
    """Draw the episode at given times.

    times: environment steps, 0 to replay.steps. width: of a frame, in pixels.
    """
    painter = Painter(replay, field_of(replay, width))
    for time in times:
        yield painter.paint(time)


class Painter:
    """A drawer of one replay's frames."""

    def __init__(self, replay: Replay, field: Field) -> None:
        self.replay, self.field = replay, field
        title = f"{replay.map}: {wording.result(replay)}"
        self._painter = (
            drawing.Painter(replay.walkable, replay.units, field, title)
            if replay.scenery is None
            else ScenePainter(replay, replay.scenery, field, title)
        )
        self._sums = np.concatenate([[0.0], replay.team_reward.cumsum()])

    def paint(self, time: float) -> Image.Image:
        """Draw one frame.

        time: in environment steps; 3.5 interpolates half way between moments 3 and 4.
        """
        replay = self.replay
        step = min(int(time), replay.steps - 1)
        caption = Caption(
            f"step {int(time)} of {replay.steps}", f"team reward {self._sums[int(time)]:.2f}", time / replay.steps
        )
        return self._painter.paint(
            self._moment(step), self._moment(step + 1), time - step, replay.explored[step], caption, step
        )

    def _moment(self, step: int) -> Moment:
        return Moment(*(getattr(self.replay, column)[step] for column in Moment._fields))
