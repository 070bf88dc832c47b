"""Whether a map can be won at all: many copies of one battle, of which those that stand well are copied on.

Every copy follows a mixture of scripts; its team may go apart first, and all or some of its agents may keep away for a
while, till shields are back. Every few environment steps copies that stand badly become copies of others that stand
well, and go on with orders of their own. The way that leads to the best end is played again from the beginning, and
what is said is what happened then.

The copies share the battle's random draws, so this team knows the future: it is no yardstick for learning, it only
shows that a win exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fedqmix.analysis.benchmarks.fidelity import Tell
from fedqmix.envs.maps import load_map
from fedqmix.envs.moment import NO_OP, STOP, Scene
from fedqmix.envs.options import skirmish_options
from fedqmix.envs.positions import Numbers, Units, ways
from fedqmix.envs.scripted import MANOEUVRES, POLICIES
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.envs.units import unit_names, unit_type
from fedqmix.runtime.core.seeds import generator
from fedqmix.runtime.core.world import Bools, EpisodeBatch, Integers, Purpose, TeamTimeStep

STRETCH = 3  # environment steps that an agent follows a script of its own
SELECT_EVERY = (4, 2)  # environment steps from one selection to the next; the tries take turns
OWN = (0.5, 1.0)  # what own units count beside the enemies; two tries with one, two with the other
RIVALS = 4  # a copy that is given up becomes the best of so many others, drawn for it
KEPT = 8  # one copy in so many, the best, is never given up
CHANGED = 0.2  # chance of new orders at a selection
RESTING = 0.2  # chance that new orders begin with a rest, in a team that has shields
RESTS = (4, 12, 40, 90)  # environment steps that resting agents keep away; shields need up to 100
SPREADS = (0, 0, 0, 2, 3, 4, 6)  # environment steps that a team goes apart when the battle begins
TEAM_RESTS = 0.5  # the chance that the whole team rests; else each agent does so with the same chance
WAYWARD = (0.0, 0.05, 0.15, 0.4)  # chances that an agent follows another script than its team's, one drawn a copy
WORTH_OF_LIVING = 0.3  # of a unit's full worth, for being alive at all
OVER = 10.0  # what a win counts, and a defeat against it: more than anything else

SCRIPTS = ("nearest", "focus", "kite", "ambush", "spread", "retreat")
LEADS = [number for number, name in enumerate(SCRIPTS) if name in POLICIES]


class Orders(NamedTuple):
    """What the copies do until they are told otherwise."""

    leads: Integers  # [copies], each team's script
    wayward: Numbers  # [copies], the chance that an agent follows another one
    spreading: Integers  # [copies], the environment step up to which the team goes apart
    rested: Integers  # [agents, copies], the environment step up to which an agent keeps away


class _Sum:
    """Adds up the team reward of each copy."""

    def begin(self, battles: EpisodeBatch, time_step: TeamTimeStep) -> None:
        """Begin at nothing."""
        self.total = np.zeros(battles.count)

    def record(self, time_step: TeamTimeStep) -> None:
        """Add a step's reward."""
        self.total += time_step.team_reward


def measure(
    maps: Sequence[str],
    copies: int,
    tries: int,
    seed: int,
    threads: int,
    tell: Tell = lambda map, stands, battles: None,
) -> dict[str, Any]:
    """Try to win a battle of every map, `tries` times with so many copies.

    tell: is told the map, how it stands, and how many battles are over since it was told last.
    Returns what can be printed as JSON: under "results"[map] whether a win was found, in which try, after how many
    environment steps, with which return; if none, the best attempt's. Raises ConfigurationError for an unknown map.
    """
    results = {map: search(map, copies, tries, seed, threads, tell) for map in maps}
    return {"benchmark": "winnable", "env": "skirmish", "copies": copies, "seed": seed, "results": results}


def search(
    map: str, copies: int, tries: int, seed: int, threads: int, tell: Tell = lambda map, stands, battles: None
) -> dict[str, Any]:
    """Try to win one battle of a map; see measure."""
    sums = _Sum()
    world = SkirmishWorld(load_map(map), seed, skirmish_options(), sums, threads)
    draws = generator(seed, f"planned {map}")
    found: dict[str, Any] = {}
    try:
        for attempt in range(tries):
            every, own = SELECT_EVERY[attempt % len(SELECT_EVERY)], OWN[attempt // 2 % len(OWN)]
            way = _Attempt(world, map, copies, draws).best_way(every, own)
            won = _play_again(world, way)
            returned = round(float(sums.total[0]), 2)
            if not found or (won, returned) > (found["won"], found["return"]):
                found = {"won": won, "try": attempt + 1, "steps": len(way), "return": returned}
            tell(map, f"try {attempt + 1}, best return {found['return']}", copies)
            if won:
                break
    finally:
        world.close()
    return found


class _Attempt:
    """One battle's copies on their way from its beginning to their ends."""

    def __init__(self, world: SkirmishWorld, map: str, copies: int, draws: np.random.Generator) -> None:
        self._world, self._ways_on_map, self._draws = world, ways(map), draws
        world.begin(EpisodeBatch(Purpose.REPLAY, 0, copies))
        self._turn = world.copy_battles(np.zeros(copies, np.int64))
        self._opening = world.units_of_all_battles().copy()
        self._before: Units | None = None  # the units an environment step ago
        self._shape = (world.spec.n_agents, copies)
        self._resting = RESTING if world.units_of_all_battles()["shield"][0, : world.spec.n_agents].any() else 0.0
        self._orders = self._new_orders(0)
        self._scripts = self._direction = np.zeros(self._shape, np.int64)
        self._ways: list[Integers] = []  # the actions [agents, copies] of every step on the way to each copy

    def best_way(self, every: int, own: float) -> list[Integers]:
        """Go on to all ends, selecting at every so many steps; return the best copy's actions [agents], by step."""
        while not self._over.all():
            step = len(self._ways)
            if step % every == 0:
                self._select(standing(self._world, own, self._over))
                self._orders = _mixed(
                    self._draws.random(self._shape[1]) < CHANGED, self._new_orders(step), self._orders
                )
            actions = self._choose(step)
            self._ways.append(actions)
            self._turn = self._world.step(actions)
        best = int(standing(self._world, own, self._over).argmax())
        return [actions[:, best] for actions in self._ways[: int(self._world.steps_taken()[best])]]

    @property
    def _over(self) -> Bools:
        over: Bools = self._turn.terminated | self._turn.truncated
        return over

    def _new_orders(self, step: int) -> Orders:
        copies, draw = self._shape[1], self._draws
        resting = (draw.random(copies) < TEAM_RESTS) | (draw.random(self._shape) < TEAM_RESTS)
        rests = np.where(draw.random(copies) < self._resting, draw.choice(RESTS, size=copies), 0)
        return Orders(
            leads=draw.choice(LEADS, size=copies),
            wayward=draw.choice(WAYWARD, size=copies),
            spreading=draw.choice(SPREADS, size=copies) if step == 0 else np.zeros(copies, np.int64),
            rested=np.where(resting, step + rests, 0),
        )

    def _select(self, stands: Numbers) -> None:
        """Make those that stand badly copies of others. stands: [copies]."""
        copies = stands.size
        rivals = self._draws.integers(copies, size=(RIVALS, copies))
        sources = np.take_along_axis(rivals, stands[rivals].argmax(0)[None], 0)[0]
        kept = np.argsort(-stands, kind="stable")[: copies // KEPT]
        sources[: kept.size] = kept
        self._turn = self._world.copy_battles(sources)
        self._orders = Orders._make(one[..., sources] for one in self._orders)
        self._ways = [actions[:, sources] for actions in self._ways]
        self._before = None if self._before is None else self._before[sources]

    def _choose(self, step: int) -> Integers:
        """Let every agent of every copy follow its orders: [agents, copies]."""
        units, available = self._world.units_of_all_battles().copy(), self._turn.available_actions
        if step % STRETCH == 0:
            drawn = self._draws.integers(len(SCRIPTS) + 2, size=self._shape)  # two more: stay, and one lone direction
            own_way = self._draws.random(self._shape) < self._orders.wayward
            self._scripts = np.where(own_way, drawn, self._orders.leads)
            self._direction = self._draws.integers(2, 6, size=self._shape)
        scripts = np.where(step < self._orders.rested, SCRIPTS.index("retreat"), self._scripts)
        scripts = np.where(step < self._orders.spreading, SCRIPTS.index("spread"), scripts)
        scene = Scene(units, available, np.zeros(self._shape), self._ways_on_map, self._opening, self._before)
        self._before = units
        choices = [MANOEUVRES[name](scene) for name in SCRIPTS]
        stay = np.full(self._shape, STOP)
        can_go = np.take_along_axis(available, self._direction[..., None], 2)[..., 0]
        choices += [stay, np.where(can_go, self._direction, stay)]
        return np.where(available[..., NO_OP], NO_OP, np.choose(scripts, choices))


def standing(world: SkirmishWorld, own: float, over: Bools) -> Numbers:
    """[copies] how well each stands: winning, then what the own team has left of its worth, less the enemies'.

    own: what the own team's counts. over: [copies], which are over; those that are and are not won are lost.
    """
    types = [unit_type(name) for name in unit_names()]
    full = np.array([one.health + one.shield for one in types])
    units = world.units_of_all_battles()
    whole = full[units["kind"]]
    worth = units["health"] + units["shield"] + WORTH_OF_LIVING * whole * (units["health"] > 0)
    agents = world.spec.n_agents
    mine = worth[:, :agents].sum(1) / whole[:, :agents].sum(1)
    theirs = worth[:, agents:].sum(1) / whole[:, agents:].sum(1)
    stands: Numbers = own * mine - theirs + OVER * np.where(world.outcomes(), 1, np.where(over, -1, 0))
    return stands


def _mixed(which: Bools, new: Orders, old: Orders) -> Orders:
    """Return the new orders for some copies, the old ones for the others. which: [copies]."""
    return Orders._make(np.where(which, ours, theirs) for ours, theirs in zip(new, old, strict=True))


def _play_again(world: SkirmishWorld, way: Sequence[Integers]) -> bool:
    """Play the battle by itself, with the actions found; return whether it is won."""
    world.begin(EpisodeBatch(Purpose.REPLAY, 0, 1))
    for actions in way:
        world.step(actions[:, None])
    return bool(world.outcomes()[0])
