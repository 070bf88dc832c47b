"""The ambush: wait in a line across the enemies' way, waste no shot, and draw back whoever is hurt.

1. While the enemies come, everybody takes a post on a line behind the place where the team began, so that all shoot at
   once at enemies who arrive one after another; who reaches farther stands farther back.
2. Once enemies are at hand, or all have come to rest, everybody fights: one after another the agents choose whom to
   shoot at, counting what those before them will have shot, so that as few shots as possible hit the dead.
3. Who is hurt and was hit in the last step gets out of reach while its weapon is not ready: the enemies then turn to
   others, or run after it into the line.
"""

from __future__ import annotations

import numpy as np

from fedqmix.envs.moment import (
    FIRST_TARGET,
    STOP,
    Scene,
    attack_or,
    least,
    middle,
    step_back,
    walk,
    walk_to_enemy,
    with_healers,
)
from fedqmix.envs.positions import Numbers, Whole
from fedqmix.envs.units import combat_constants
from fedqmix.runtime.core.world import Bools, Integers

BEHIND = 4.3  # cells from where the team began to its line, away from the enemies
WIDTH = 13.6  # cells; the longest line
APART = 1.6  # cells between neighbours, where the line is not too long then
AT_HAND = 2.0  # cells; the fight begins when an enemy is so near to where a weapon reaches it
AT_REST = 0.1  # cells; who has not moved so far in an environment step rests
AT_POST = 0.6  # cells; a step is 1 to 1.5 cells long
HURT = 0.6  # part of the health; who has less draws back
MARGIN = 1.0  # cells; so far beyond their reach enemies are still a danger


def ambush(scene: Scene) -> Integers:
    """Wait in a line till the enemies are at hand, then fight."""
    return np.where(at_hand(scene), fight(scene), take_posts(scene))


def at_hand(scene: Scene) -> Bools:
    """Tell in which battles armed enemies are at hand, or have come to rest: [battles]."""
    table, enemies = scene.kinds, scene.enemies["kind"]
    dangerous = scene.living & (table.reach[enemies] >= 0)  # [1, battles, enemies]
    short = scene.gap - table.reach[scene.allies["kind"]][..., None]
    near: Bools = (scene.alive[..., None] & scene.foes & dangerous & (short < AT_HAND)).any((0, 2))
    if scene.before is None:
        return near
    then = scene.before[None, :, scene.available.shape[0] :]
    moved = np.abs(scene.enemies["x"] - then["x"]) + np.abs(scene.enemies["y"] - then["y"])
    rest: Bools = ~(dangerous & (moved >= AT_REST)).any((0, 2))
    return near | rest


def take_posts(scene: Scene) -> Integers:
    """Form a line; healers behind its middle."""
    opening, n_agents = scene.units if scene.opening is None else scene.opening, scene.available.shape[0]
    whole = np.ones(opening.shape, np.bool_)
    (my_x, my_y), (their_x, their_y) = (
        (middle(opening["x"][:, side], whole[:, side]), middle(opening["y"][:, side], whole[:, side]))
        for side in (slice(n_agents), slice(n_agents, None))
    )
    ahead_x, ahead_y = their_x - my_x, their_y - my_y
    length = np.maximum(np.hypot(ahead_x, ahead_y), 1e-6)
    ahead_x, ahead_y = ahead_x / length, ahead_y / length
    mine, fighters = scene.allies, scene.alive & ~scene.heals
    reach = scene.kinds.reach[mine["kind"]]
    shortest = np.where(fighters, reach, np.inf).min(0)
    back = BEHIND + np.where(fighters, reach - shortest, 0.0)
    aside = _places(mine["y"] * ahead_x - mine["x"] * ahead_y, fighters)
    x, y = my_x - back * ahead_x - aside * ahead_y, my_y - back * ahead_y + aside * ahead_x
    there = np.hypot(x - mine["x"], y - mine["y"]) < AT_POST
    return np.where(there, STOP, walk(scene, x, y))


def _places(across: Numbers, fighters: Bools) -> Numbers:
    """Where on the line each has its post, 0 for the middle, as they stand across the way now: [agents, battles]."""
    order = np.where(fighters, across, np.inf).argsort(0, kind="stable").argsort(0)
    count = fighters.sum(0)
    apart = np.minimum(APART, WIDTH / np.maximum(count - 1, 1))
    return np.where(fighters, (order - (count - 1) / 2) * apart, 0.0)


def fight(scene: Scene) -> Integers:
    """Shoot, or draw back if hurt, or go to the nearest enemy."""
    going = walk_to_enemy(scene, least(scene.distance, scene.foes))
    closing = attack_or(scene, scene.gap, scene.attackable, going)
    target = share_out(scene)
    shooting = np.where(target >= 0, FIRST_TARGET + target, closing)
    back, gains = step_back(scene)
    return with_healers(scene, np.where(drawn_back(scene) & gains, back, shooting), by_share=True)


def drawn_back(scene: Scene) -> Bools:
    """Tell who has a reason to draw back and loses no shot by it: [agents, battles]."""
    table, mine = scene.kinds, scene.allies
    if scene.before is None:
        return np.zeros(mine.shape, np.bool_)
    then = scene.before[:, : mine.shape[0]].T
    hit = mine["health"] + mine["shield"] < then["health"] + then["shield"]
    hurt = mine["health"] < HURT * table.health[mine["kind"]]
    in_danger = (scene.armed & (scene.gap < table.reach[scene.enemies["kind"]] + MARGIN)).any(-1)
    drawn: Bools = hit & hurt & in_danger & ~shoots(scene)
    return drawn


def shoots(scene: Scene) -> Bools:
    """Tell whose weapon is ready within this environment step: [agents, battles]."""
    ready: Bools = scene.allies["cooldown"] < combat_constants().loops_per_env_step
    return ready


def share_out(scene: Scene) -> Whole:
    """Return whom everybody shoots at, -1 who reaches nobody: [agents, battles].

    The agents choose in turn the enemy that needs the fewest of their shots after what those before them will have
    shot. Who is to be dead by then is a last choice.
    """
    table, mine, enemies = scene.kinds, scene.allies, scene.enemies[0]["kind"]
    in_reach = scene.attackable & (scene.gap <= table.reach[mine["kind"]][..., None])
    shooting = shoots(scene)
    left = scene.strength[0].copy()  # [battles, enemies]
    battles = np.arange(left.shape[0])
    targets = np.full(mine.shape, -1)
    for agent, kind in enumerate(mine["kind"]):
        damage = table.damage[kind[:, None], enemies]
        shots = np.where(left > 0, left / np.maximum(damage, 1e-6), 1e3)
        target = least(shots, in_reach[agent])
        reached = in_reach[agent].any(-1)
        targets[agent] = np.where(reached, target, -1)
        left[battles, target] -= np.where(reached & shooting[agent], damage[battles, target], 0.0)
    return targets
