"""One environment step of a range of battles: orders, game loops, rewards and observations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.skirmish.arrays import NO_UNIT, Battle, Records
from fedqmix.envs.skirmish.combat import decide
from fedqmix.envs.skirmish.compile import inline, inner, kernel
from fedqmix.envs.skirmish.damage import deal, regenerate
from fedqmix.envs.skirmish.interface import NO_OP, write_views
from fedqmix.envs.skirmish.layout import Layout
from fedqmix.envs.skirmish.movement import move
from fedqmix.envs.skirmish.orders import give_order
from fedqmix.envs.skirmish.randomness import draw, seed_unit
from fedqmix.envs.skirmish.rewards import ONGOING, WON, RewardRules, outcome, reward_scale, write_rewards
from fedqmix.envs.skirmish.scene import Scene
from fedqmix.envs.skirmish.smacv2.enemies import order_enemies
from fedqmix.envs.skirmish.variation import draw_goal
from fedqmix.runtime.core.world import Bools, Floats, Floats64, Integers
from fedqmix.runtime.kernels.episodes import OPENING
from fedqmix.runtime.kernels.spinning import MESSAGE, WorkQueue, claim, take_part


class Views(NamedTuple):
    """The arrays of a TimeStep and a TeamTimeStep, into which the kernels write."""

    observations: Floats
    available: Bools
    state: Floats
    individual_rewards: Floats
    team_reward: Floats
    terminated: Bools
    truncated: Bools
    won: Bools


@kernel
def set_up_battles(
    n_agents: int,
    attack: Floats64,
    template: Records,
    keys: NDArray[np.uint64],
    units: Records,
    battles: Records,
    first: int,
    last: int,
) -> None:
    """Set up the units of battles first .. last - 1 from template [units].

    keys: [battles] fix the battles' random draws. attack: [2 ends, 2]; the enemies' destination is drawn between them.
    """
    for b in range(first, last):
        battle = battles[b]
        battle.steps = battle.loops = 0
        battle.over = False
        battle.crowded = True  # forces one check for overlaps: some maps have spawn points close together
        for u in range(template.shape[0]):
            units[b, u] = template[u]
            seed_unit(units[b, u], keys[b], u)
            units[b, u].side_step = 1.0 if draw(units[b, u]) < 0.5 else -1.0
        draw_goal(n_agents, attack, units, b)


@kernel
def step_battles(
    layout: Layout,
    scene: Scene,
    reward_rules: RewardRules,
    units: Records,
    battles: Records,
    actions: Integers,
    views: Views,
    scratch: Floats64,
    looks: Floats,
    work_queue: WorkQueue,
    seat: int,
) -> None:
    """Advance the work queue's battles by one environment step, or write their first views.

    actions: [agents, battles], available ones; not read when the queue's message is OPENING.
    scratch: [ROWS, units], looks: [SCRATCH_LENGTH]; both are overwritten, and each thread needs its own.
    work_queue, seat: as in runtime.kernels.spinning.
    """
    while take_part(work_queue, seat):
        first, last = claim(work_queue, seat)
        while first < last:
            for b in range(first, last):
                battle = battles[b]
                if battle.over:
                    stay_over(layout.n_agents, b, views.available, views.individual_rewards, views.team_reward)
                    continue
                if work_queue[MESSAGE] == OPENING:
                    open_battle(scene, reward_rules, units, battle, b, views)
                else:
                    begin_step(scene, units, b, actions)
                    play_loops(scene, units, battle, b, scratch)
                    end_step(layout, scene, reward_rules, units, battle, b, views, scratch)
                show(layout, scene, units, battle, b, views, looks)
                if views.terminated[b]:
                    leave_no_op(scene.n_agents, b, views.available)
            first, last = claim(work_queue, seat)


@inline
def open_battle(scene: Scene, rules: RewardRules, units: Records, battle: Battle, b: int, views: Views) -> None:
    """Compute the reward scale of the battle's teams; clear rewards and flags."""
    battle.reward_scale = reward_scale(rules, scene.kinds, units, scene.n_agents, b)
    for agent in range(scene.n_agents):
        views.individual_rewards[agent, b] = 0.0
    views.team_reward[b] = 0.0
    views.terminated[b] = views.truncated[b] = views.won[b] = False


@inline
def begin_step(scene: Scene, units: Records, b: int, actions: Integers) -> None:
    """Record every unit's health and shield, and turn the actions into orders."""
    for u in range(units.shape[1]):
        unit = units[b, u]
        unit.worth_before = unit.health + unit.shield
        unit.acted_on = NO_UNIT
        unit.hit_by = np.uint64(0)
    for agent in range(scene.n_agents):
        give_order(scene, units, b, agent, actions[agent, b])
    if scene.ordering:
        order_enemies(scene, units, b)


@inline
def play_loops(scene: Scene, units: Records, battle: Battle, b: int, scratch: Floats64) -> None:
    """Play the game loops of one environment step."""
    for _ in range(scene.rules.loops):
        battle.loops += 1
        now = float(battle.loops)
        walking, acting = decide(scene, units, b, now, scratch)
        if walking or battle.crowded:
            move(scene, units, battle, b, scratch)
        if acting:
            deal(scene, units, b, now)
    regenerate(scene, units, b, float(battle.loops))


@inline
def end_step(
    layout: Layout,
    scene: Scene,
    rules: RewardRules,
    units: Records,
    battle: Battle,
    b: int,
    views: Views,
    scratch: Floats64,
) -> None:
    """Write the battle's outcome and rewards."""
    battle.steps += 1
    standing = outcome(rules, scene.kinds, units, scene.n_agents, b)
    ended = standing != ONGOING
    cut_off = not ended and battle.steps >= layout.episode_limit
    battle.over = ended or cut_off
    views.terminated[b], views.truncated[b], views.won[b] = ended, cut_off, standing == WON
    team_reward, individual_rewards = views.team_reward, views.individual_rewards
    scale = battle.reward_scale
    write_rewards(rules, units, scene.n_agents, b, standing, scale, scratch, team_reward, individual_rewards)


@inline
def show(layout: Layout, scene: Scene, units: Records, battle: Battle, b: int, views: Views, looks: Floats) -> None:
    """Write the masks, observations and state of battle b. looks: [SCRATCH_LENGTH], scratch."""
    ground, observations = scene.terrain, views.observations
    write_views(
        layout,
        scene.kinds,
        ground.walkable,
        ground.height,
        units,
        b,
        battle.steps,
        looks,
        views.available,
        observations,
        views.state,
    )


@inner
def stay_over(n_agents: int, b: int, available: Bools, individual_rewards: Floats, team_reward: Floats) -> None:
    """Write rewards of 0 and masks of only the no-op for a battle that is over."""
    team_reward[b] = 0.0
    for agent in range(n_agents):
        individual_rewards[agent, b] = 0.0
    leave_no_op(n_agents, b, available)


@inner
def leave_no_op(n_agents: int, b: int, available: Bools) -> None:
    """Make the no-op the agents' only available action."""
    for agent in range(n_agents):
        available[agent, b, NO_OP] = True
        for action in range(NO_OP + 1, available.shape[2]):
            available[agent, b, action] = False
