"""One moment of many battles as scripted teams see it, and what scripts are made of: whom to attack, where to walk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fedqmix.envs.positions import Kinds, Numbers, Units, Ways, Whole, kinds
from fedqmix.runtime.core.world import Bools, Integers

NO_OP, STOP, FIRST_MOVE, FIRST_TARGET = 0, 1, 2, 6
DIRECTIONS = np.array([(0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0)])  # north, south, east, west: actions 2 to 5
COMPANY = 2.0  # cells a healer may be away from its team
LOOKOUT = 5  # cells; how far ahead who steps back looks


@dataclass(frozen=True)
class Scene:
    """One moment of all battles. Arrays are [agents, battles], [agents, battles, enemies] where targets are chosen."""

    units: Units
    available: Bools
    draws: Numbers  # [agents, battles], uniform in 0..1
    ways: Ways
    opening: Units | None = None  # the units as the battle began; None: as they are
    before: Units | None = None  # the units an environment step ago; None at the beginning

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
    def alive(self) -> Bools:
        """Which agents are."""
        alive: Bools = self.allies["health"] > 0
        return alive

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
    def armed(self) -> Bools:
        """The living enemies whose weapon can hit an agent."""
        armed: Bools = self.living & self.kinds.can_hit[self.enemies["kind"], self.allies["kind"][..., None]]
        return armed

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


def middle(places: Numbers, alive: Bools) -> Numbers:
    """[battles] from [battles, units]."""
    middle: Numbers = (places * alive).sum(1) / np.maximum(alive.sum(1), 1)
    return middle


def least(rank: Numbers | Whole, among: Bools) -> Whole:
    """Return the number of the enemy of least rank among those marked; the lower of equals, 0 if none is marked."""
    number: Whole = np.where(among, rank, np.inf).argmin(-1)
    return number


def attack_or(scene: Scene, rank: Numbers | Whole, targets: Bools, otherwise: Integers) -> Integers:
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


def step_back(scene: Scene) -> tuple[Integers, Bools]:
    """Return the open direction that leads farthest from all who can hit one, and whether it leads farther than here.

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
                after.append(np.where(scene.armed, gone, np.inf).min(-1))
        scores.append(after[0] + after[-1])
    is_open = np.stack([is_open for *_, is_open in ahead(scene)])
    best = np.where(is_open, np.stack(scores), -np.inf)
    return FIRST_MOVE + best.argmax(0), best.max(0) > 2 * np.where(scene.armed, scene.distance, np.inf).min(-1)


def with_healers(scene: Scene, actions: Integers, by_share: bool = False) -> Integers:
    """Let healers heal whoever in reach has lost most, else go to whoever has, else stay with the nearest fighter.

    by_share: what counts is the lost share of the whole health, not the health lost.
    """
    if not scene.heals.any():
        return actions
    table, allies = scene.kinds, scene.allies
    n_agents = allies.shape[0]
    others = allies.T[None]  # [1, battles, allies]
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
