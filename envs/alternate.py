"""Alternating fire: share out the enemies' shots, leave before the last one, and come back with whole shields.

1. An agent that would not outlive one or two more hits is spent. If the enemies aim at it, it steps out of their reach,
   they turn to a friend at the front, and it comes back at once.
2. When nobody at the front is fit, all leave, wait until everybody's shields are whole, and begin again.

Nobody remembers anything but where all stood an environment step ago. Agents without shields fight on.
"""

from __future__ import annotations

import numpy as np

from fedqmix.envs.moment import STOP, Scene, attack_or, least, step_back, walk_to_enemy, with_healers
from fedqmix.envs.positions import Numbers, Units
from fedqmix.runtime.core.world import Bools, Integers

LAST_HITS = 1.5  # of the hardest hitter's attacks; who would not outlive them is spent
STIRRED = 0.1  # cells; who is this much farther from the enemies than a step ago is on its way out


def alternate(scene: Scene) -> Integers:
    """Fight the weakest, step out, or rest, see above."""
    front, tired = at_the_front(scene), spent(scene)
    nobody_fit = ~(front & ~tired).any(0)
    whole = scene.allies["shield"] >= scene.kinds.shield[scene.allies["kind"]]
    back, gains = step_back(scene)
    leaves = front & tired & (nobody_fit | aimed_at(scene)) & gains
    rests = ~front & nobody_fit & (scene.alive & ~whole).any(0)
    going = walk_to_enemy(scene, least(scene.distance, scene.foes))
    fighting = attack_or(scene, scene.strength, scene.attackable, going)
    return with_healers(scene, np.where(leaves, back, np.where(rests, STOP, fighting)))


def at_the_front(scene: Scene) -> Bools:
    """Tell which living agents are within an enemy's reach: [agents, battles]."""
    reach = scene.kinds.reach[scene.enemies["kind"]]
    front: Bools = scene.alive & (scene.armed & (scene.gap <= reach)).any(-1)
    return front


def spent(scene: Scene) -> Bools:
    """Tell who has shields that could come back and would not outlive LAST_HITS attacks: [agents, battles]."""
    table, kind = scene.kinds, scene.allies["kind"]
    attack = np.where(scene.armed, table.damage[scene.enemies["kind"], kind[..., None]], 0.0).max(-1)
    few: Bools = (table.shield[kind] > 0) & (total(scene.allies) <= LAST_HITS * attack)
    return few


def aimed_at(scene: Scene) -> Bools:
    """Tell who was hit in the last environment step, or has begun to leave: [agents, battles]."""
    if scene.before is None:
        return np.zeros(scene.alive.shape, np.bool_)
    then = scene.before[:, : scene.alive.shape[0]].T
    away = np.hypot(scene.enemies["x"] - then["x"][..., None], scene.enemies["y"] - then["y"][..., None])
    near, was_near = (np.where(scene.armed, far, np.inf).min(-1) for far in (scene.distance, away))
    aimed: Bools = (total(scene.allies) < total(then)) | (near > was_near + STIRRED)
    return aimed


def total(units: Units) -> Numbers:
    """Return health and shield together."""
    both: Numbers = units["health"] + units["shield"]
    return both
