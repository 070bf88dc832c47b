"""The policy "ambush": wait in a line, waste no shot, and retreat when hurt.

1. While the enemies approach, the agents take posts on a line behind the team's starting place. All then shoot at
   once at enemies that arrive one after another. Agents of longer range stand farther back.
2. Once enemies are close, or all have come to rest, the agents fight. They choose targets in turn and count the damage
   of earlier choices, so that few shots hit dead enemies.
3. An agent that is hurt and was hit in the last environment step retreats while its weapon is not ready. The enemies
   then turn to others, or follow it into the line.
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

BEHIND = 4.3  # cells from the team's starting place to its line, away from the enemies
WIDTH = 13.6  # cells; the longest line
APART = 1.6  # cells between neighbours; less where the line would exceed WIDTH
AT_HAND = 2.0  # cells beyond an agent's weapon range within which an enemy starts the fight
AT_REST = 0.1  # cells; an enemy that moves less in an environment step is at rest
AT_POST = 0.6  # cells; an agent walks 1 to 1.5 cells in an environment step
HURT = 0.6  # share of full health below which an agent retreats
MARGIN = 1.0  # cells beyond an enemy's weapon range within which it is still dangerous


def ambush(scene: Scene) -> Integers:
    """Wait in a line until enemies are close, then fight: [agents, episodes]."""
    return np.where(at_hand(scene), fight(scene), take_posts(scene))


def at_hand(scene: Scene) -> Bools:
    """Return in which episodes armed enemies are close or have come to rest: [episodes]."""
    table, enemies = scene.kinds, scene.enemies["kind"]
    dangerous = scene.living & (table.reach[enemies] >= 0)  # [1, episodes, enemies]
    short = scene.gap - table.reach[scene.allies["kind"]][..., None]
    near: Bools = (scene.alive[..., None] & scene.foes & dangerous & (short < AT_HAND)).any((0, 2))
    if scene.before is None:
        return near
    then = scene.before[None, :, scene.available.shape[0] :]
    moved = np.abs(scene.enemies["x"] - then["x"]) + np.abs(scene.enemies["y"] - then["y"])
    rest: Bools = ~(dangerous & (moved >= AT_REST)).any((0, 2))
    return near | rest


def take_posts(scene: Scene) -> Integers:
    """Walk to a post on the line; healers wait at its middle: [agents, episodes]."""
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
    """Return every fighter's place on the line in cells, 0 for its middle: [agents, episodes].

    across: [agents, episodes], the agents' present places along the line; the posts keep this order.
    """
    order = np.where(fighters, across, np.inf).argsort(0, kind="stable").argsort(0)
    count = fighters.sum(0)
    apart = np.minimum(APART, WIDTH / np.maximum(count - 1, 1))
    return np.where(fighters, (order - (count - 1) / 2) * apart, 0.0)


def fight(scene: Scene) -> Integers:
    """Shoot, retreat if hurt, or walk to the nearest enemy: [agents, episodes]."""
    going = walk_to_enemy(scene, least(scene.distance, scene.foes))
    closing = attack_or(scene, scene.gap, scene.attackable, going)
    target = share_out(scene)
    shooting = np.where(target >= 0, FIRST_TARGET + target, closing)
    back, gains = step_back(scene)
    return with_healers(scene, np.where(drawn_back(scene) & gains, back, shooting), by_share=True)


def drawn_back(scene: Scene) -> Bools:
    """Return which agents have a reason to retreat and lose no shot by it: [agents, episodes]."""
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
    """Return which weapons are ready within this environment step: [agents, episodes]."""
    ready: Bools = scene.allies["cooldown"] < combat_constants().loops_per_env_step
    return ready


def share_out(scene: Scene) -> Whole:
    """Choose every agent's target, -1 for an agent that reaches no enemy: [agents, episodes].

    The agents choose in turn. Each takes the enemy that needs the fewest of its shots after the shots of earlier
    agents. An enemy that these shots kill is the last choice.
    """
    table, mine, enemies = scene.kinds, scene.allies, scene.enemies[0]["kind"]
    in_reach = scene.attackable & (scene.gap <= table.reach[mine["kind"]][..., None])
    shooting = shoots(scene)
    left = scene.strength[0].copy()  # [episodes, enemies]
    episodes = np.arange(left.shape[0])
    targets = np.full(mine.shape, -1)
    for agent, kind in enumerate(mine["kind"]):
        damage = table.damage[kind[:, None], enemies]
        shots = np.where(left > 0, left / np.maximum(damage, 1e-6), 1e3)
        target = least(shots, in_reach[agent])
        reached = in_reach[agent].any(-1)
        targets[agent] = np.where(reached, target, -1)
        left[episodes, target] -= np.where(reached & shooting[agent], damage[episodes, target], 0.0)
    return targets
