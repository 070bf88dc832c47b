"""The policy "decoy": a chased agent runs around its teammates, which shoot.

The chased agent tries every path of two straight legs against a pursuer that comes straight after it. The best path
keeps the agent far from the pursuer, and the pursuer in the teammates' range. The agent takes the path's first action.
"""

from __future__ import annotations

import numpy as np

from fedqmix.envs.moment import DIRECTIONS, FIRST_MOVE, Scene, ahead, attack_or, least, walk_to_enemy, with_healers
from fedqmix.envs.positions import Numbers
from fedqmix.runtime.core.world import Bools, Integers

NEAR = 3.0  # cells beyond its weapon's reach within which an enemy chases an agent
LEG = 2  # environment steps of each of the two legs
RING = 5.5  # cells from the teammates' middle to the pursuer: a marine's weapon range
STRAYING = 0.6  # cost of a pursuer one cell off the ring, in cells of distance to it

Place = tuple[Numbers, Numbers]
"""x and y, [agents, episodes] each."""


def decoy(scene: Scene) -> Integers:
    """Run if chased; else attack the weakest enemy, or walk to the nearest: [agents, episodes]."""
    going = walk_to_enemy(scene, least(scene.distance, scene.foes))
    fighting = attack_or(scene, scene.strength, scene.attackable, going)
    return with_healers(scene, np.where(chased(scene), run(scene), fighting))


def chased(scene: Scene) -> Bools:
    """Return which agents are chased: [agents, episodes].

    A chased agent is the one nearest to an armed enemy that is close, and not the last one alive.
    """
    gap = np.where(scene.armed, scene.gap - scene.kinds.reach[scene.enemies["kind"]], np.inf).min(-1)
    gap = np.where(scene.alive, gap, np.inf)
    is_chased: Bools = (gap <= gap.min(0)) & (gap < NEAR) & (scene.alive.sum(0) > 1)
    return is_chased


def run(scene: Scene) -> Integers:
    """Return the first action of the best path of two legs: [agents, episodes]."""
    scores = []
    for (_, _, is_open), first in zip(ahead(scene), DIRECTIONS, strict=True):
        best = np.max([worth(scene, (first, second)) for second in DIRECTIONS], axis=0)
        scores.append(np.where(is_open, best, -np.inf))
    actions: Integers = FIRST_MOVE + np.stack(scores).argmax(0)
    return actions


def worth(scene: Scene, legs: tuple[Numbers, Numbers]) -> Numbers:
    """Return the value of a path in cells: [agents, episodes].

    The value is the least distance to the pursuer, less the cost of the pursuer's distance from the ring.
    legs: the directions (dx, dy) of the two legs.
    """
    armed = np.where(scene.armed, scene.distance, np.inf)
    pursuer = scene.enemies[0][np.arange(armed.shape[1]), least(armed, scene.armed)]
    stride, pace = (scene.kinds.stride[units["kind"]] for units in (scene.allies, pursuer))
    x, y, its_x, its_y = scene.allies["x"], scene.allies["y"], pursuer["x"], pursuer["y"]
    middle_x, middle_y = others_middle(scene)
    least_gap, strayed = np.full(x.shape, np.inf), np.zeros(x.shape)
    for dx, dy in np.repeat(legs, LEG, axis=0):
        free = scene.ways.walkable(x + dx * stride, y + dy * stride)
        x, y = np.where(free, x + dx * stride, x), np.where(free, y + dy * stride, y)
        part = np.minimum(pace / np.maximum(np.hypot(x - its_x, y - its_y), 1e-6), 1.0)
        its_x, its_y = its_x + (x - its_x) * part, its_y + (y - its_y) * part
        least_gap = np.minimum(least_gap, np.hypot(x - its_x, y - its_y))
        strayed += np.abs(np.hypot(its_x - middle_x, its_y - middle_y) - RING)
    value: Numbers = least_gap - STRAYING * strayed / (2 * LEG)
    return value


def others_middle(scene: Scene) -> Place:
    """Return the middle of each agent's living teammates; 0 for an agent without any."""
    n_agents = scene.alive.shape[0]
    friends = scene.alive.T[None] & ~np.eye(n_agents, dtype=np.bool_)[:, None]  # [agents, episodes, friends]
    x, y = ((scene.allies[axis].T * friends).sum(-1) / np.maximum(friends.sum(-1), 1) for axis in ("x", "y"))
    return x, y
