"""The scripted policies' view of one moment, and their parts: choosing targets and walking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fedqmix.envs.positions import Kinds, Numbers, Units, Ways, Whole, kinds
from fedqmix.runtime.core.world import Bools, Integers

NO_OP, STOP, FIRST_MOVE, FIRST_TARGET = 0, 1, 2, 6
DIRECTIONS = np.array([(0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0)])  # north, south, east, west: actions 2 to 5
COMPANY = 2.0  # cells that a healer may be away from the unit it follows
LOOKOUT = 5  # cells that a retreating agent looks ahead


@dataclass(frozen=True)
class Scene:
    """One moment of all episodes of a batch.

    Arrays are [agents, episodes]; those about targets are [agents, episodes, enemies]. Lengths in map cells.
    """

    units: Units  # [episodes, units]
    available: Bools  # [agents, episodes, n_actions]
    draws: Numbers  # [agents, episodes], uniform in 0..1
    ways: Ways
    opening: Units | None = None  # the units at the episode's beginning; None: `units`
    before: Units | None = None  # the units one environment step ago; None at the beginning

    @property
    def kinds(self) -> Kinds:
        """Properties of all kinds of units."""
        return kinds()

    @cached_property
    def allies(self) -> Units:
        """The agents' units: [agents, episodes]."""
        return self.units[:, : self.available.shape[0]].T

    @cached_property
    def enemies(self) -> Units:
        """The enemies' units: [1, episodes, enemies]."""
        return self.units[None, :, self.available.shape[0] :]

    @cached_property
    def alive(self) -> Bools:
        """Whether each agent is alive."""
        alive: Bools = self.allies["health"] > 0
        return alive

    @cached_property
    def living(self) -> Bools:
        """Whether each enemy is alive: [1, episodes, enemies]."""
        living: Bools = self.enemies["health"] > 0
        return living

    @cached_property
    def strength(self) -> Numbers:
        """Health + shield of the enemies: [1, episodes, enemies]."""
        strength: Numbers = self.enemies["health"] + self.enemies["shield"]
        return strength

    @cached_property
    def heals(self) -> Bools:
        """Whether each agent heals instead of attacking."""
        heals: Bools = self.kinds.heals[self.allies["kind"]]
        return heals

    @cached_property
    def armed(self) -> Bools:
        """Whether an enemy is alive and its weapon can hit the agent."""
        armed: Bools = self.living & self.kinds.can_hit[self.enemies["kind"], self.allies["kind"][..., None]]
        return armed

    @cached_property
    def foes(self) -> Bools:
        """Whether an enemy is alive and the agent's weapon can hit it (never True for a healer)."""
        foes: Bools = self.living & self.kinds.can_hit[self.allies["kind"][..., None], self.enemies["kind"]]
        return foes

    @cached_property
    def attackable(self) -> Bools:
        """Whether the agent may attack an enemy now and can hit it."""
        n_enemies = self.enemies.shape[2]
        return self.foes & self.available[..., FIRST_TARGET : FIRST_TARGET + n_enemies]

    @cached_property
    def distance(self) -> Numbers:
        """Distance from centre to centre."""
        mine, theirs = self.allies[..., None], self.enemies
        distance: Numbers = np.hypot(theirs["x"] - mine["x"], theirs["y"] - mine["y"])
        return distance

    @cached_property
    def gap(self) -> Numbers:
        """Distance from edge to edge."""
        radius = self.kinds.radius
        gap: Numbers = self.distance - radius[self.allies["kind"]][..., None] - radius[self.enemies["kind"]]
        return gap


def middle(places: Numbers, alive: Bools) -> Numbers:
    """Return the mean place of the living units along one axis, 0 without any: [episodes].

    places, alive: [episodes, units].
    """
    middle: Numbers = (places * alive).sum(1) / np.maximum(alive.sum(1), 1)
    return middle


def least(rank: Numbers | Whole, among: Bools) -> Whole:
    """Return the marked enemy of least rank, the lowest of equals; 0 where none is marked."""
    number: Whole = np.where(among, rank, np.inf).argmin(-1)
    return number


def attack_or(scene: Scene, rank: Numbers | Whole, targets: Bools, otherwise: Integers) -> Integers:
    """Attack the target of least rank; without a target, take the action `otherwise`."""
    return np.where(targets.any(-1), FIRST_TARGET + least(rank, targets), otherwise)


def walk_to_enemy(scene: Scene, goal: Whole) -> Integers:
    """Walk to enemy `goal`; stop where there is no enemy to fight."""
    enemy = scene.enemies[0][np.arange(goal.shape[1]), goal]
    return np.where(scene.foes.any(-1), walk(scene, enemy["x"], enemy["y"]), STOP)


def walk(scene: Scene, to_x: Numbers, to_y: Numbers) -> Integers:
    """Take the open direction with the shortest path to a place; stop where none is open.

    Among equals the straighter counts. Paths lead around unwalkable cells. Without a path the straight distance counts.
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
    """Yield, for every direction, the places x, y one cell ahead and whether each is open.

    The mask alone does not suffice: SMAC rounds towards zero and also offers moves off the west and south edges.
    """
    for number, (dx, dy) in enumerate(DIRECTIONS):
        x, y = scene.allies["x"] + dx, scene.allies["y"] + dy
        yield x, y, scene.available[..., FIRST_MOVE + number] & scene.ways.walkable(x, y)


def step_back(scene: Scene) -> tuple[Integers, Bools]:
    """Return the best open direction of retreat, and whether it leads farther from enemies.

    Only enemies that can hit the agent count.
    The score is the mean of the distances after 1 and after LOOKOUT cells, so that an agent avoids a visible corner.
    """
    scores = []
    for dx, dy in DIRECTIONS:
        x, y, clear, after = scene.allies["x"], scene.allies["y"], None, []
        for cell in range(LOOKOUT):
            free = scene.ways.walkable(x + dx, y + dy) & (True if clear is None else clear)
            x, y, clear = np.where(free, x + dx, x), np.where(free, y + dy, y), free
            if cell in (0, LOOKOUT - 1):
                gone = np.hypot(scene.enemies["x"] - x[..., None], scene.enemies["y"] - y[..., None])
                after.append(np.where(scene.armed, gone, np.inf).min(-1))
        scores.append(after[0] + after[-1])
    is_open = np.stack([is_open for *_, is_open in ahead(scene)])
    best = np.where(is_open, np.stack(scores), -np.inf)
    return FIRST_MOVE + best.argmax(0), best.max(0) > 2 * np.where(scene.armed, scene.distance, np.inf).min(-1)


def with_healers(scene: Scene, actions: Integers, by_share: bool = False) -> Integers:
    """Replace the healers' actions; other agents keep theirs: [agents, episodes].

    A healer heals the teammate in reach that has lost most health. Else it walks to the teammate that has lost most,
    else it stays with the nearest fighter.
    by_share: ranks teammates by the lost share of full health instead of by health lost.
    """
    if not scene.heals.any():
        return actions
    table, allies = scene.kinds, scene.allies
    n_agents = allies.shape[0]
    others = allies.T[None]  # [1, episodes, allies]
    whole = table.health[others["kind"]]
    lost = (whole - others["health"]) / (whole if by_share else 1.0)
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
