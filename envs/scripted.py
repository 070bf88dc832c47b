"""Scripted teams: yardsticks for the world and its maps.

They see everybody's true place and health, which no agent does, and choose among the actions the world offers.

random    every available action is as likely as every other
nearest   attack the nearest enemy that can be attacked, else walk to the nearest
focus     attack the weakest (health and shield) that can be attacked, equals by number, else walk to the weakest
kite      shoot when the weapon is ready, and step back from who reaches less far while it is not; whom that gains
          nothing plays focus, or nearest if its weapon is for melee

Healers of the last three stay with the team and heal whoever has lost most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from contracts.errors import ConfigurationError
from contracts.seeds import generator
from contracts.world import Battles, Bools, Integers
from envs.positions import Kinds, Numbers, Units, Ways, Whole, kinds, ways
from envs.units import combat_constants

NO_OP, STOP, FIRST_MOVE, FIRST_TARGET = 0, 1, 2, 6
DIRECTIONS = np.array([(0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0)])  # north, south, east, west: actions 2 to 5
COMPANY = 2.0  # cells a healer may be away from its team
MELEE = 1.0  # cells; nobody whose weapon reaches less far kites
LOOKOUT = 5  # cells; how far ahead who steps back looks
SLACK = 0.5  # cells; who is this much nearer than one's own weapon reaches is too near


class ScriptedTeam:
    """Plays all agents of a batch of battles by one of the policies of POLICIES."""

    def __init__(self, policy: str, map: str, seed: int) -> None:
        """Prepare a policy or manoeuvre for a map. Raises ConfigurationError for an unknown one, or map."""
        if policy not in MANOEUVRES:
            raise ConfigurationError(f"There is no scripted policy {policy!r}. Available: {', '.join(MANOEUVRES)}.")
        self._decide = MANOEUVRES[policy]
        self._ways = ways(map)
        self._seed = seed
        self._draws: list[np.random.Generator] = []

    def begin(self, battles: Battles) -> None:
        """Prepare for a batch of battles. What is drawn in a battle depends on the seed, purpose and episode alone."""
        role = f"scripted {battles.purpose.value}"
        numbers = range(battles.first, battles.first + battles.count)
        self._draws = [generator(self._seed, role, number) for number in numbers]

    def choose(self, units: Units, available: Bools) -> Integers:
        """Return actions [agents, battles] int64, every one of them available.

        units: [battles, units] as `envs.positions.read_units` gives them; available: [agents, battles, n_actions].
        """
        draws = np.stack([draw.random(available.shape[0]) for draw in self._draws], axis=1)
        actions = self._decide(Scene(units, available, draws, self._ways))
        return np.where(available[..., NO_OP], NO_OP, actions)


@dataclass(frozen=True)
class Scene:
    """One moment of all battles. Arrays are [agents, battles], [agents, battles, enemies] where targets are chosen."""

    units: Units
    available: Bools
    draws: Numbers  # [agents, battles], uniform in 0..1
    ways: Ways

    @property
    def kinds(self) -> Kinds:
        """What is known of the kinds of units."""
        return kinds()

    @cached_property
    def allies(self) -> Units:
        """[agents, battles]."""
        return self.units[:, : self.available.shape[0]].T

    @cached_property
    def enemies(self) -> Units:
        """[1, battles, enemies]."""
        return self.units[None, :, self.available.shape[0] :]

    @cached_property
    def living(self) -> Bools:
        """[1, battles, enemies]."""
        living: Bools = self.enemies["health"] > 0
        return living

    @cached_property
    def strength(self) -> Numbers:
        """Health and shield of the enemies, [1, battles, enemies]."""
        strength: Numbers = self.enemies["health"] + self.enemies["shield"]
        return strength

    @cached_property
    def heals(self) -> Bools:
        """Which agents heal and do not attack."""
        heals: Bools = self.kinds.heals[self.allies["kind"]]
        return heals

    @cached_property
    def foes(self) -> Bools:
        """The living enemies that an agent's weapon can hit at all (nobody, for a healer)."""
        foes: Bools = self.living & self.kinds.can_hit[self.allies["kind"][..., None], self.enemies["kind"]]
        return foes

    @cached_property
    def attackable(self) -> Bools:
        """The enemies an agent may attack now and can hit."""
        n_enemies = self.enemies.shape[2]
        return self.foes & self.available[..., FIRST_TARGET : FIRST_TARGET + n_enemies]

    @cached_property
    def distance(self) -> Numbers:
        """From centre to centre."""
        mine, theirs = self.allies[..., None], self.enemies
        distance: Numbers = np.hypot(theirs["x"] - mine["x"], theirs["y"] - mine["y"])
        return distance

    @cached_property
    def gap(self) -> Numbers:
        """From edge to edge."""
        radius = self.kinds.radius
        gap: Numbers = self.distance - radius[self.allies["kind"]][..., None] - radius[self.enemies["kind"]]
        return gap


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
    """Attack the weakest that can be attacked; else walk to the weakest anybody can attack, else to the nearest."""
    engaged = scene.foes & scene.attackable.any(0, keepdims=True)
    team_goal, own_goal = least(scene.strength, engaged), least(scene.distance, scene.foes)
    goal = np.where(engaged.any(-1), team_goal, own_goal)
    return with_healers(scene, attack_or(scene, scene.strength, scene.attackable, walk_to_enemy(scene, goal)))


def kite(scene: Scene) -> Integers:
    """Shoot when the weapon is ready; while it is not, step back from an enemy that is too near.

    An agent steps back from the nearest armed enemy when that is nearer than the agent's weapon needs, has nobody of
    the team nearer to it, and is of a kind that it is worth it (see worth_fleeing). Whom it would reach within a step
    runs on even with a ready weapon: if the agent is faster, or as fast and a friend is free to shoot meanwhile. What
    is shot at is the weakest the weapon reaches, as chasing another would lead nearer. Who meets nobody of such a kind
    plays focus, but melee units play nearest: they would run after the weakest past all others.
    """
    table, mine, enemies = scene.kinds, scene.allies["kind"], scene.enemies["kind"]
    worth_it = scene.living & worth_fleeing(mine[..., None], enemies)
    plain = np.where(table.reach[mine] > MELEE, focus(scene), nearest(scene))
    if not worth_it.any():
        return with_healers(scene, plain)
    in_reach = scene.attackable & (scene.gap <= table.reach[mine][..., None])
    ready = scene.allies["cooldown"] <= combat_constants().loops_per_env_step / 2
    armed = scene.living & table.can_hit[enemies, mine[..., None]]
    close = least(scene.gap, armed)[..., None]
    gap = np.take_along_axis(scene.gap, close, 2)[..., 0]
    pressed = np.take_along_axis(armed & worth_it, close, 2)[..., 0] & (gap < table.reach[mine] - SLACK)
    pursuer = np.take_along_axis(np.broadcast_to(enemies, scene.gap.shape), close, 2)[..., 0]
    alive = scene.allies["health"] > 0
    team_gap = np.where(alive[..., None], scene.gap, np.inf).min(0, keepdims=True)
    foremost = gap <= np.take_along_axis(np.broadcast_to(team_gap, scene.gap.shape), close, 2)[..., 0]
    caught = gap < table.reach[pursuer] + table.stride[pursuer]
    covered = (alive & ~scene.heals & ~caught).any(0)
    outruns = table.stride[pursuer] < table.stride[mine]
    keeps_up = covered & (table.stride[pursuer] == table.stride[mine])
    back, gains = step_back(scene, armed)
    runs_on = caught & (outruns | keeps_up)
    fleeing = pressed & gains & (runs_on | (foremost & ~(ready & in_reach.any(-1))))
    kiting = np.where(fleeing, back, attack_or(scene, scene.strength, in_reach, plain))
    return with_healers(scene, np.where(worth_it.any(-1), kiting, plain))


def retreat(scene: Scene) -> Integers:
    """Go where all enemies that can hurt one are farthest; stay where no step leads farther away."""
    table = scene.kinds
    armed = scene.living & table.can_hit[scene.enemies["kind"], scene.allies["kind"][..., None]]
    back, gains = step_back(scene, armed)
    return np.where(gains, back, STOP)


def spread(scene: Scene) -> Integers:
    """Go apart, across the line from the team's middle to the enemies', so that many can shoot at once."""
    units, n_agents = scene.units, scene.available.shape[0]
    alive = units["health"] > 0  # [battles, units]
    (my_x, my_y), (their_x, their_y) = (
        (_middle(units["x"][:, side], alive[:, side]), _middle(units["y"][:, side], alive[:, side]))
        for side in (slice(n_agents), slice(n_agents, None))
    )
    across_x, across_y = my_y - their_y, their_x - my_x
    length = np.maximum(np.hypot(across_x, across_y), 1e-6)
    across_x, across_y = across_x / length, across_y / length
    mine = scene.allies
    side = np.sign((mine["x"] - my_x) * across_x + (mine["y"] - my_y) * across_y)
    return walk(scene, mine["x"] + 2 * side * across_x, mine["y"] + 2 * side * across_y)


def _middle(places: Numbers, alive: Bools) -> Numbers:
    """[battles] from [battles, units]."""
    middle: Numbers = (places * alive).sum(1) / np.maximum(alive.sum(1), 1)
    return middle


POLICIES: dict[str, Callable[[Scene], Integers]] = {"random": random, "nearest": nearest, "focus": focus, "kite": kite}
MANOEUVRES = {**POLICIES, "spread": spread, "retreat": retreat}
"""What a team can be told to do for a while; the policies are those that make sense for a whole battle."""


def least(rank: Numbers, among: Bools) -> Whole:
    """Return the number of the enemy of least rank among those marked; the lower of equals, 0 if none is marked."""
    number: Whole = np.where(among, rank, np.inf).argmin(-1)
    return number


def attack_or(scene: Scene, rank: Numbers, targets: Bools, otherwise: Integers) -> Integers:
    """Attack the target of least rank, or do otherwise where there is none."""
    return np.where(targets.any(-1), FIRST_TARGET + least(rank, targets), otherwise)


def walk_to_enemy(scene: Scene, goal: Whole) -> Integers:
    """Walk to the enemy of number goal; stop if there is nobody to fight."""
    enemy = scene.enemies[0][np.arange(goal.shape[1]), goal]
    return np.where(scene.foes.any(-1), walk(scene, enemy["x"], enemy["y"]), STOP)


def walk(scene: Scene, to_x: Numbers, to_y: Numbers) -> Integers:
    """Take the open direction from which the way to a place is shortest, the straighter of equals; else stop.

    The way leads around what nobody can walk on. Where there is no way at all, the straight line counts.
    """
    scores = []
    for x, y, is_open in ahead(scene):
        straight = np.hypot(to_x - x, to_y - y)
        length = scene.ways.length(x, y, to_x, to_y)
        score = np.where(length < 0, straight, length) + 0.01 * straight
        scores.append(np.where(is_open, score, np.inf))
    best = np.stack(scores)
    return np.where(np.isfinite(best.min(0)), FIRST_MOVE + best.argmin(0), STOP)


def ahead(scene: Scene) -> Iterator[tuple[Numbers, Numbers, Bools]]:
    """Yield, for every direction, the places a cell ahead and whether they can be walked to.

    The mask alone does not say: rounding towards zero, SMAC also offers steps off the map's west and south edges.
    """
    for number, (dx, dy) in enumerate(DIRECTIONS):
        x, y = scene.allies["x"] + dx, scene.allies["y"] + dy
        yield x, y, scene.available[..., FIRST_MOVE + number] & scene.ways.walkable(x, y)


def worth_fleeing(mine: Whole, theirs: Whole) -> Bools:
    """Tell from which kinds of enemies a kind of agent gains by stepping back while its weapon is not ready.

    Their weapon reaches a cell less far, or as far while they walk slower; melee units gain from nobody.
    """
    table = kinds()
    my_reach, their_reach = table.reach[mine], table.reach[theirs]
    armed = their_reach >= 0
    slower = (table.stride[theirs] < table.stride[mine]) & (their_reach <= my_reach)
    gains: Bools = (my_reach > MELEE) & armed & ((their_reach + 1 <= my_reach) | slower)
    return gains


def step_back(scene: Scene, armed: Bools) -> tuple[Integers, Bools]:
    """Return the open direction that leads farthest from all armed enemies, and whether it leads farther than here.

    Half of what counts is how far the direction leads after LOOKOUT cells, so that nobody runs into a corner that he
    can see.
    """
    scores = []
    for dx, dy in DIRECTIONS:
        x, y, clear, after = scene.allies["x"], scene.allies["y"], None, []
        for cell in range(LOOKOUT):
            free = scene.ways.walkable(x + dx, y + dy) & (True if clear is None else clear)
            x, y, clear = np.where(free, x + dx, x), np.where(free, y + dy, y), free
            if cell in (0, LOOKOUT - 1):
                gone = np.hypot(scene.enemies["x"] - x[..., None], scene.enemies["y"] - y[..., None])
                after.append(np.where(armed, gone, np.inf).min(-1))
        scores.append(after[0] + after[-1])
    is_open = np.stack([is_open for *_, is_open in ahead(scene)])
    best = np.where(is_open, np.stack(scores), -np.inf)
    return FIRST_MOVE + best.argmax(0), best.max(0) > 2 * np.where(armed, scene.distance, np.inf).min(-1)


def with_healers(scene: Scene, actions: Integers) -> Integers:
    """Let healers heal whoever in reach has lost most, else go to whoever has, else stay with the nearest fighter."""
    if not scene.heals.any():
        return actions
    table, allies = scene.kinds, scene.allies
    n_agents = allies.shape[0]
    others = allies.T[None]  # [1, battles, allies]
    lost = table.health[others["kind"]] - others["health"]
    patients = (others["health"] > 0) & (lost > 0) & table.healed[others["kind"]]
    healable = patients & scene.available[..., FIRST_TARGET : FIRST_TARGET + n_agents]
    fighters = (others["health"] > 0) & ~table.heals[others["kind"]]
    away = np.hypot(others["x"] - allies["x"][..., None], others["y"] - allies["y"][..., None])
    company = least(away, np.broadcast_to(fighters, away.shape))
    friend = np.where(patients.any(-1), least(-lost, patients), company)
    close = np.take_along_axis(away, friend[..., None], 2)[..., 0] <= COMPANY
    goal = others[0][np.arange(friend.shape[1]), friend]
    going = np.where(fighters.any(-1) & ~close, walk(scene, goal["x"], goal["y"]), STOP)
    healing = attack_or(scene, -lost, healable, going)
    return np.where(scene.heals, healing, actions)
