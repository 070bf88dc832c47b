"""The policy "alternate": agents draw the fire in turn, and retreat until shields are full.

1. An agent that would not survive one or two more hits is spent. If enemies aim at it, it steps out of their reach.
   The enemies then turn to an agent at the front, and the spent agent returns at once.
2. When every agent at the front is spent, these agents retreat. They wait until all shields are full, then fight again.

The policy uses no history but the units of one environment step ago. Agents without shields fight on.
"""

from __future__ import annotations

import numpy as np

from fedqmix.envs.moment import STOP, Scene, attack_or, least, step_back, walk_to_enemy, with_healers
from fedqmix.envs.positions import Numbers, Units
from fedqmix.runtime.core.world import Bools, Integers

LAST_HITS = 1.5  # attacks of the strongest enemy; an agent that would not survive as many is spent
STIRRED = 0.1  # cells; an agent this much farther from the enemies than an environment step ago is retreating


def alternate(scene: Scene) -> Integers:
    """Attack the weakest enemy, retreat or rest by the rules above: [agents, episodes]."""
    front, tired = at_the_front(scene), spent(scene)
    none_fit = ~(front & ~tired).any(0)
    whole = scene.allies["shield"] >= scene.kinds.shield[scene.allies["kind"]]
    back, gains = step_back(scene)
    leaves = front & tired & (none_fit | aimed_at(scene)) & gains
    rests = ~front & none_fit & (scene.alive & ~whole).any(0)
    going = walk_to_enemy(scene, least(scene.distance, scene.foes))
    fighting = attack_or(scene, scene.strength, scene.attackable, going)
    return with_healers(scene, np.where(leaves, back, np.where(rests, STOP, fighting)))


def at_the_front(scene: Scene) -> Bools:
    """Return which living agents are within an enemy's reach: [agents, episodes]."""
    reach = scene.kinds.reach[scene.enemies["kind"]]
    front: Bools = scene.alive & (scene.armed & (scene.gap <= reach)).any(-1)
    return front


def spent(scene: Scene) -> Bools:
    """Return which agents are spent: [agents, episodes].

    A spent agent has shields, which can regenerate, and would not survive LAST_HITS attacks.
    """
    table, kind = scene.kinds, scene.allies["kind"]
    attack = np.where(scene.armed, table.damage[scene.enemies["kind"], kind[..., None]], 0.0).max(-1)
    few: Bools = (table.shield[kind] > 0) & (total(scene.allies) <= LAST_HITS * attack)
    return few


def aimed_at(scene: Scene) -> Bools:
    """Return which agents are under fire: [agents, episodes].

    Such an agent was hit in the last environment step, or has begun to retreat.
    """
    if scene.before is None:
        return np.zeros(scene.alive.shape, np.bool_)
    then = scene.before[:, : scene.alive.shape[0]].T
    away = np.hypot(scene.enemies["x"] - then["x"][..., None], scene.enemies["y"] - then["y"][..., None])
    near, was_near = (np.where(scene.armed, far, np.inf).min(-1) for far in (scene.distance, away))
    aimed: Bools = (total(scene.allies) < total(then)) | (near > was_near + STIRRED)
    return aimed


def total(units: Units) -> Numbers:
    """Return health + shield."""
    both: Numbers = units["health"] + units["shield"]
    return both
