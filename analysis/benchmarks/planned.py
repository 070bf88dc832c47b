"""A search for a win on a map, by repeated selection among copies of one battle.

Every copy follows a mixture of scripts. Its team may spread first, and some or all agents may retreat until their
shields are recharged. Every few environment steps, copies with low scores are replaced by copies of better ones, which
continue with orders of their own. The action sequence with the best end is played again from the start; the figures are
of that battle.

All copies share the battle's random draws, so that this team knows the future. It shows that a win exists; it is not a
baseline for learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fedqmix.analysis.benchmarks.fidelity import Progress
from fedqmix.envs.maps import load_map
from fedqmix.envs.moment import NO_OP, STOP, Scene
from fedqmix.envs.options import skirmish_options
from fedqmix.envs.positions import Numbers, Units, ways
from fedqmix.envs.scripted import MANOEUVRES, POLICIES
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.envs.units import unit_names, unit_type
from fedqmix.runtime.core.seeds import generator
from fedqmix.runtime.core.world import Bools, EpisodeBatch, Integers, Purpose, TeamTimeStep

STRETCH = 3  # environment steps between two draws of an agent's own script
SELECT_EVERY = (4, 2)  # environment steps between selections; tries alternate
OWN = (0.5, 1.0)  # weight of own units against the enemies'; two tries with each
RIVALS = 4  # tournament size: a replaced copy becomes the best of this many drawn copies
KEPT = 8  # the best 1/KEPT of the copies are never replaced
CHANGED = 0.2  # probability of new orders at a selection
RESTING = 0.2  # probability that new orders begin with a rest, in a team with shields
RESTS = (4, 12, 40, 90)  # environment steps of a rest; shields need up to 100
SPREADS = (0, 0, 0, 2, 3, 4, 6)  # environment steps of spreading at the battle's start
TEAM_RESTS = 0.5  # probability that the whole team rests; else the same probability for each agent
WAYWARD = (0.0, 0.05, 0.15, 0.4)  # probabilities that an agent leaves its team's script, one drawn per copy
WORTH_OF_LIVING = 0.3  # share of a unit's full worth for being alive
OVER = 10.0  # score of a win, and of a defeat with negative sign: larger than all other terms

SCRIPTS = ("nearest", "focus", "kite", "ambush", "spread", "retreat")
LEADS = [number for number, name in enumerate(SCRIPTS) if name in POLICIES]


class Orders(NamedTuple):
    """The orders that the copies follow until their next change."""

    leads: Integers  # [copies], each team's script
    wayward: Numbers  # [copies], probability that an agent follows another script
    spreading: Integers  # [copies], environment step until which the team spreads
    rested: Integers  # [agents, copies], environment step until which an agent retreats


class _Sum:
    """A step observer that sums the team reward of each copy."""

    def begin(self, battles: EpisodeBatch, time_step: TeamTimeStep) -> None:
        """Reset the sums: [copies]."""
        self.total = np.zeros(battles.count)

    def record(self, time_step: TeamTimeStep) -> None:
        """Add the team reward of an environment step."""
        self.total += time_step.team_reward


def measure(
    maps: Sequence[str],
    copies: int,
    tries: int,
    seed: int,
    threads: int,
    tell: Progress = lambda map, stands, battles: None,
) -> dict[str, Any]:
    """Search for a win on every map. tries: the most tries; copies: of a battle, in each try.

    tell: callback with the map, a status text, and the number of battles that ended since the last call.
    Returns JSON values: under "results"[map] whether a win was found, its try, environment steps and return; without
    a win, the values of the best try. Raises ConfigurationError for an unknown map.
    """
    results = {map: search(map, copies, tries, seed, threads, tell) for map in maps}
    return {"benchmark": "winnable", "env": "skirmish", "copies": copies, "seed": seed, "results": results}


def search(
    map: str, copies: int, tries: int, seed: int, threads: int, tell: Progress = lambda map, stands, battles: None
) -> dict[str, Any]:
    """Search for a win on one map; arguments and result as in `measure`."""
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
    """One try: the copies of a battle from its start to their ends."""

    def __init__(self, world: SkirmishWorld, map: str, copies: int, draws: np.random.Generator) -> None:
        self._world, self._ways_on_map, self._draws = world, ways(map), draws
        world.begin(EpisodeBatch(Purpose.REPLAY, 0, copies))
        self._time_step = world.copy_battles(np.zeros(copies, np.int64))
        self._opening = world.units_of_all_battles().copy()
        self._before: Units | None = None  # the units one environment step earlier
        self._shape = (world.spec.n_agents, copies)
        self._resting = RESTING if world.units_of_all_battles()["shield"][0, : world.spec.n_agents].any() else 0.0
        self._orders = self._new_orders(0)
        self._scripts = self._direction = np.zeros(self._shape, np.int64)
        self._paths: list[Integers] = []  # by environment step, the actions that led to each copy: [agents, copies]

    def best_way(self, every: int, own: float) -> list[Integers]:
        """Run all copies to their ends; return the best copy's actions [agents] by environment step.

        every: environment steps between selections. own: weight of own units in `standing`.
        """
        while not self._over.all():
            step = len(self._paths)
            if step % every == 0:
                self._select(standing(self._world, own, self._over))
                self._orders = _mixed(
                    self._draws.random(self._shape[1]) < CHANGED, self._new_orders(step), self._orders
                )
            actions = self._choose(step)
            self._paths.append(actions)
            self._time_step = self._world.step(actions)
        best = int(standing(self._world, own, self._over).argmax())
        return [actions[:, best] for actions in self._paths[: int(self._world.steps_taken()[best])]]

    @property
    def _over(self) -> Bools:
        over: Bools = self._time_step.terminated | self._time_step.truncated
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
        """Replace copies with low scores by copies of better ones.

        stands: [copies], scores of `standing`.
        """
        copies = stands.size
        rivals = self._draws.integers(copies, size=(RIVALS, copies))
        sources = np.take_along_axis(rivals, stands[rivals].argmax(0)[None], 0)[0]
        kept = np.argsort(-stands, kind="stable")[: copies // KEPT]
        sources[: kept.size] = kept
        self._time_step = self._world.copy_battles(sources)
        self._orders = Orders._make(one[..., sources] for one in self._orders)
        self._paths = [actions[:, sources] for actions in self._paths]
        self._before = None if self._before is None else self._before[sources]

    def _choose(self, step: int) -> Integers:
        """Return the actions that follow the orders: [agents, copies]."""
        units, available = self._world.units_of_all_battles().copy(), self._time_step.available_actions
        if step % STRETCH == 0:
            drawn = self._draws.integers(len(SCRIPTS) + 2, size=self._shape)  # plus: stay, move in one direction
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
    """Return each copy's score: its outcome, then the difference of the teams' worth: [copies].

    own: weight of the own team's remaining worth against the enemies'. over: [copies], ended copies; an ended copy
    without a win is lost.
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
    """Return new orders for the copies in `which`, old ones for the others. which: [copies]."""
    return Orders._make(np.where(which, ours, theirs) for ours, theirs in zip(new, old, strict=True))


def _play_again(world: SkirmishWorld, way: Sequence[Integers]) -> bool:
    """Play one battle with the found actions; return whether it is won.

    way: actions [agents] by environment step.
    """
    world.begin(EpisodeBatch(Purpose.REPLAY, 0, 1))
    for actions in way:
        world.step(actions[:, None])
    return bool(world.outcomes()[0])
