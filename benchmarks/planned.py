"""Whether a map can be won at all: a team of scripts that tries again and again and keeps its best attempt.

Many copies of one battle follow the best attempt so far, each up to a moment drawn for it; in some the team then goes
apart, in some all or some agents keep away for a while, till shields are back; and all go on by scripts of their own to
the end. The copies share the battle's random draws, so this team knows the future: it is no yardstick for learning, it
only shows that a win exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.fidelity import Tell
from contracts.seeds import generator
from contracts.world import Battles, Integers, Purpose, TeamTurn
from envs.maps import load_map
from envs.options import skirmish_options
from envs.scripted import MANOEUVRES, POLICIES, ScriptedTeam
from envs.skirmish.world import SkirmishWorld
from envs.units import unit_names, unit_type

STRETCH = 3  # environment steps that an agent follows a script of its own
RESTS = (0, 0, 0, 4, 12, 40, 90)  # environment steps that resting agents keep away first; shields need up to 100
SPREADS = (0, 0, 0, 2, 3, 4, 6)  # environment steps that a team goes apart first
TEAM_RESTS = 0.5  # the chance that the whole team rests; else each agent does so with the same chance
WAYWARD = (0.0, 0.05, 0.15, 0.4)  # chances that an agent follows another script than its team's, one drawn a copy
WORTH_OF_LIVING = 0.3  # of a unit's full worth, for being alive at all
OWN = 0.5  # what own units count beside the enemies: less, lest hiding stands better than fighting


SCRIPTS = tuple(MANOEUVRES)


class _Sum:
    """Adds up the team reward of each copy."""

    def begin(self, battles: Battles, turn: TeamTurn) -> None:
        """Begin at nothing."""
        self.total = np.zeros(battles.count)

    def record(self, turn: TeamTurn) -> None:
        """Add a step's reward."""
        self.total += turn.team_reward


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
    teams = [ScriptedTeam(policy, map, seed) for policy in SCRIPTS]
    draws = generator(seed, f"planned {map}")
    plan: list[Integers] = []  # [agents] of every step of the best attempt
    best = -np.inf
    found: dict[str, Any] = {}
    try:
        for attempt in range(tries):
            tried = _attempt(world, teams, Battles(Purpose.SHOWING, 0, copies), plan, draws)
            standing, won = _standing(world), world.outcomes()
            first = int(standing.argmax())
            if standing[first] > best:
                best, plan = float(standing[first]), [actions[:, first] for actions in tried]
                steps, returned = int(world.steps_taken()[first]), round(float(sums.total[first]), 2)
                found = {"won": bool(won[first]), "try": attempt + 1, "steps": steps, "return": returned}
            tell(map, f"try {attempt + 1}, best return {found['return']}", copies)
            if won[first]:
                break
    finally:
        world.close()
    return found


def _attempt(
    world: SkirmishWorld,
    teams: list[ScriptedTeam],
    battles: Battles,
    plan: list[Integers],
    draws: np.random.Generator,
) -> list[Integers]:
    """Let every copy follow the plan for a while, and scripts from then on; return all actions [agents, copies]."""
    world.begin(battles)
    turn = world.copy_battle(0)
    for team in teams:
        team.begin(battles)
    shape = (world.spec.n_agents, battles.count)
    leaves = draws.integers(0, max(len(plan), 1), size=battles.count)
    leads = np.broadcast_to(draws.integers(len(POLICIES), size=battles.count), shape)
    wayward = draws.choice(WAYWARD, size=battles.count)
    spreading = leaves + draws.choice(SPREADS, size=battles.count)
    rested = leaves + draws.choice(RESTS, size=battles.count)
    resting = (draws.random(battles.count) < TEAM_RESTS) | (draws.random(shape) < TEAM_RESTS)
    tried: list[Integers] = []
    scripts = direction = np.zeros(shape, np.int64)
    while not (turn.terminated | turn.truncated).all():
        step = len(tried)
        if step % STRETCH == 0:
            drawn = draws.integers(len(teams) + 2, size=shape)  # two more: stay, and one lone direction
            scripts = np.where(draws.random(shape) < wayward, drawn, leads)
            scripts = np.where(resting & (step < rested), SCRIPTS.index("retreat"), scripts)
            direction = draws.integers(2, 6, size=shape)
        followed = np.where(step < spreading, SCRIPTS.index("spread"), scripts)
        actions = _choose(world, teams, followed, direction, turn.available_actions)
        if step < len(plan):
            alive = ~turn.available_actions[..., 0]
            actions = np.where((step < leaves) & alive, plan[step][:, None], actions)
        tried.append(actions)
        turn = world.step(actions)
    return tried


def _choose(
    world: SkirmishWorld, teams: list[ScriptedTeam], scripts: Integers, direction: Integers, available: np.ndarray
) -> Integers:
    """Let every agent of every copy follow its script: [agents, copies]."""
    units = world.units_of_all_battles()
    choices = [team.choose(units, available) for team in teams]
    stay = np.where(available[..., 0], 0, 1)
    can_go = np.take_along_axis(available, direction[..., None], 2)[..., 0]
    choices += [stay, np.where(can_go, direction, stay)]
    return np.choose(scripts, choices)


def _standing(world: SkirmishWorld) -> np.ndarray:
    """[copies] how well each stands: winning, then what the own team has left of its worth, less the enemies'."""
    types = [unit_type(name) for name in unit_names()]
    full = np.array([one.health + one.shield for one in types])
    units = world.units_of_all_battles()
    whole = full[units["kind"]]
    worth = units["health"] + units["shield"] + WORTH_OF_LIVING * whole * (units["health"] > 0)
    agents = world.spec.n_agents
    own = worth[:, :agents].sum(1) / whole[:, :agents].sum(1)
    theirs = worth[:, agents:].sum(1) / whole[:, agents:].sum(1)
    standing: np.ndarray = OWN * own - theirs + 10.0 * world.outcomes()
    return standing
