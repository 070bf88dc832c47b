"""Scripted policies: baselines for the worlds and their maps.

Scripted teams see the true place and health of every unit, which agents do not see. They choose among the available
actions.

random    choose uniformly among the available actions
nearest   attack the nearest enemy that can be attacked, else walk to the nearest
focus     attack the weakest (health and shield) that can be attacked, equals by number, else walk to the weakest
kite      shoot when the weapon is ready; until then, step back from enemies of shorter range. An agent that gains
          nothing by this plays focus, or nearest if its weapon is for melee
ambush    wait in a line across the enemies' way, waste no shot, and retreat when hurt (envs/ambush.py)
alternate retreat before the last hits, so that others draw the fire, until shields are full (envs/alternate.py)
decoy     run around the teammates when chased; the teammates shoot (envs/decoy.py)
upwards   attack the lowest-numbered enemy that can be attacked, else walk to the lowest-numbered
downwards attack the highest-numbered enemy that can be attacked, else walk to the highest-numbered

The last two are constant preferences: a network that ignores its observation can play them.
In all but the first, healers stay with the team and heal the unit that has lost most health.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fedqmix.envs.alternate import alternate
from fedqmix.envs.ambush import ambush
from fedqmix.envs.decoy import decoy
from fedqmix.envs.moment import (
    NO_OP,
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
from fedqmix.envs.positions import Units, Whole, kinds, ways
from fedqmix.envs.skirmish.random_teams.tasks import patients_after
from fedqmix.envs.skirmish.smacv2.scenarios import turns_of
from fedqmix.envs.units import combat_constants
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.seeds import generator
from fedqmix.runtime.core.world import Bools, EpisodeBatch, Integers

MELEE = 1.0  # cells; agents of shorter weapon range do not kite
SLACK = 0.5  # cells inside an agent's own weapon range at which an enemy is too near


class ScriptedTeam:
    """A team that plays all agents of a batch of episodes by one policy of MANOEUVRES."""

    def __init__(self, policy: str, map: str, seed: int) -> None:
        """Prepare a policy for a map. Raises ConfigurationError for an unknown policy or map."""
        if policy not in MANOEUVRES:
            raise ConfigurationError(f"There is no scripted policy {policy!r}. Available: {', '.join(MANOEUVRES)}.")
        self._decide = MANOEUVRES[policy]
        self._map, self._ways = map, ways(map)
        self._seed = seed
        self._draws: list[np.random.Generator] = []
        self._opening: Units | None = None
        self._before: Units | None = None

    def begin(self, battles: EpisodeBatch) -> None:
        """Begin a batch of episodes.

        The draws of an episode depend on the seed, the purpose and the episode's number alone.
        """
        role = f"scripted {battles.purpose.value}"
        numbers = range(battles.first, battles.first + battles.count)
        self._draws = [generator(self._seed, role, number) for number in numbers]
        self._opening = self._before = None

    def choose(self, units: Units, available: Bools) -> Integers:
        """Return actions [agents, episodes] int64, all of them available.

        units: [episodes, units], from `envs.positions.read_units`; available: [agents, episodes, n_actions].
        Raises ConfigurationError where agents see cones (env.conic_fov), whose actions the policies do not know.
        """
        if turns_of(self._map, available.shape[2]):
            raise ConfigurationError("Scripted teams cannot turn their view: play them with env.conic_fov=false.")
        draws = np.stack([draw.random(available.shape[0]) for draw in self._draws], axis=1)
        now = units.copy()  # the world overwrites its array
        self._opening = now if self._opening is None else self._opening
        attacks = patients_after(self._map)
        known = _with_shared_targets(available, attacks)
        actions = self._decide(Scene(now, known, draws, self._ways, self._opening, self._before))
        self._before = now
        if attacks:  # what is not an attack heals the agent of that number
            actions = actions + attacks * ~np.take_along_axis(available, actions[..., None], 2)[..., 0]
        return np.where(available[..., NO_OP], NO_OP, actions)


def _with_shared_targets(available: Bools, attacks: int) -> Bools:
    """Return masks in which a healer heals agent i by the action that attacks enemy i for others, as in SMAC.

    attacks: the number of attacks, where healing has actions of its own behind them; 0: it has not.
    """
    if attacks == 0:
        return available
    shared = available[..., :-attacks].copy()
    shared[..., -attacks:] |= available[..., -attacks:]
    return shared


def random(scene: Scene) -> Integers:
    """Choose uniformly among the available actions."""
    counts = scene.available.sum(-1)
    nth = np.minimum((scene.draws * counts).astype(np.int64), counts - 1)
    chosen: Integers = (scene.available.cumsum(-1) > nth[..., None]).argmax(-1)
    return chosen


def nearest(scene: Scene) -> Integers:
    """Attack the nearest enemy that can be attacked, else walk to the nearest."""
    goal = least(scene.distance, scene.foes)
    return with_healers(scene, attack_or(scene, scene.distance, scene.attackable, walk_to_enemy(scene, goal)))


def focus(scene: Scene) -> Integers:
    """Attack the weakest enemy that can be attacked, else walk to an enemy.

    An agent without a target walks to the weakest enemy that a teammate can attack, else to the nearest enemy.
    """
    engaged = scene.foes & scene.attackable.any(0, keepdims=True)
    team_goal, own_goal = least(scene.strength, engaged), least(scene.distance, scene.foes)
    goal = np.where(engaged.any(-1), team_goal, own_goal)
    return with_healers(scene, attack_or(scene, scene.strength, scene.attackable, walk_to_enemy(scene, goal)))


def kite(scene: Scene) -> Integers:
    """Shoot when the weapon is ready; while it is not, step back from an enemy that is too near.

    An agent steps back from the nearest armed enemy under three conditions. The enemy is nearer than the weapon needs,
    no teammate is nearer to it, and its kind is worth it (see worth_fleeing).
    An agent that this enemy would reach within an environment step retreats even with a ready weapon. It does so if it
    is faster, or as fast while a teammate is free to shoot.
    The target is the weakest enemy in weapon range, as chasing another would lead nearer.
    An agent that meets no enemy of such a kind plays focus. Melee units play nearest instead: focus would lead them
    past all others to the weakest enemy.
    """
    table, mine, enemies = scene.kinds, scene.allies["kind"], scene.enemies["kind"]
    worth_it = scene.living & worth_fleeing(mine[..., None], enemies)
    plain = np.where(table.reach[mine] > MELEE, focus(scene), nearest(scene))
    if not worth_it.any():
        return with_healers(scene, plain)
    in_reach = scene.attackable & (scene.gap <= table.reach[mine][..., None])
    ready = scene.allies["cooldown"] <= combat_constants().loops_per_env_step / 2
    close = least(scene.gap, scene.armed)[..., None]
    gap = np.take_along_axis(scene.gap, close, 2)[..., 0]
    pressed = np.take_along_axis(scene.armed & worth_it, close, 2)[..., 0] & (gap < table.reach[mine] - SLACK)
    pursuer = np.take_along_axis(np.broadcast_to(enemies, scene.gap.shape), close, 2)[..., 0]
    team_gap = np.where(scene.alive[..., None], scene.gap, np.inf).min(0, keepdims=True)
    foremost = gap <= np.take_along_axis(np.broadcast_to(team_gap, scene.gap.shape), close, 2)[..., 0]
    caught = gap < table.reach[pursuer] + table.stride[pursuer]
    covered = (scene.alive & ~scene.heals & ~caught).any(0)
    outruns = table.stride[pursuer] < table.stride[mine]
    keeps_up = covered & (table.stride[pursuer] == table.stride[mine])
    back, gains = step_back(scene)
    runs_on = caught & (outruns | keeps_up)
    fleeing = pressed & gains & (runs_on | (foremost & ~(ready & in_reach.any(-1))))
    kiting = np.where(fleeing, back, attack_or(scene, scene.strength, in_reach, plain))
    return with_healers(scene, np.where(worth_it.any(-1), kiting, plain))


def upwards(scene: Scene) -> Integers:
    """Attack the lowest-numbered enemy that can be attacked, else walk to the lowest-numbered."""
    return _in_order(scene, np.arange(scene.enemies.shape[2]))


def downwards(scene: Scene) -> Integers:
    """Attack the highest-numbered enemy that can be attacked, else walk to the highest-numbered."""
    return _in_order(scene, -np.arange(scene.enemies.shape[2]))


def _in_order(scene: Scene, rank: Whole) -> Integers:
    """Attack the enemy of least rank that can be attacked, else walk to the one of least rank.

    rank: [enemies], the same for every agent and at every time. Only living enemies count.
    """
    goal = least(rank, scene.foes)
    return with_healers(scene, attack_or(scene, rank, scene.attackable, walk_to_enemy(scene, goal)))


def retreat(scene: Scene) -> Integers:
    """Walk away from the enemies that can hit the agent; stop where no direction leads farther."""
    back, gains = step_back(scene)
    return np.where(gains, back, STOP)


def spread(scene: Scene) -> Integers:
    """Spread across the line between the teams' middles, so that many agents can shoot at once."""
    units, n_agents = scene.units, scene.available.shape[0]
    alive = units["health"] > 0  # [episodes, units]
    (my_x, my_y), (their_x, their_y) = (
        (middle(units["x"][:, side], alive[:, side]), middle(units["y"][:, side], alive[:, side]))
        for side in (slice(n_agents), slice(n_agents, None))
    )
    across_x, across_y = my_y - their_y, their_x - my_x
    length = np.maximum(np.hypot(across_x, across_y), 1e-6)
    across_x, across_y = across_x / length, across_y / length
    mine = scene.allies
    side = np.sign((mine["x"] - my_x) * across_x + (mine["y"] - my_y) * across_y)
    return walk(scene, mine["x"] + 2 * side * across_x, mine["y"] + 2 * side * across_y)


POLICIES: dict[str, Callable[[Scene], Integers]] = {
    "random": random,
    "nearest": nearest,
    "focus": focus,
    "kite": kite,
    "ambush": ambush,
    "alternate": alternate,
    "decoy": decoy,
    "upwards": upwards,
    "downwards": downwards,
}
MANOEUVRES = {**POLICIES, "spread": spread, "retreat": retreat}
"""The policies, which suit a whole episode, and manoeuvres that suit a part of one."""


def worth_fleeing(mine: Whole, theirs: Whole) -> Bools:
    """Return from which kinds of enemies an agent gains by stepping back between its shots.

    Such an enemy's weapon range is a cell shorter, or no longer while it walks slower. Melee agents never gain.
    mine, theirs: kinds of units, broadcast against each other.
    """
    table = kinds()
    my_reach, their_reach = table.reach[mine], table.reach[theirs]
    armed = their_reach >= 0
    slower = (table.stride[theirs] < table.stride[mine]) & (their_reach <= my_reach)
    gains: Bools = (my_reach > MELEE) & armed & ((their_reach + 1 <= my_reach) | slower)
    return gains
