"""Whether a map can be won at all: a team of scripts that tries out mixtures of them and goes on with the best.

From every moment many copies of the battle are played to their end, each agent of each copy following scripts drawn
for it. If none wins, what the best copy did next is what really happens, and they all begin again from there. The
copies share the battle's random draws, so this team sees the future: it is no yardstick for learning, it only shows
that a win exists.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from contracts.seeds import generator
from contracts.world import Battles, Integers, Purpose, TeamTurn
from envs.maps import load_map
from envs.options import skirmish_options
from envs.scripted import POLICIES, ScriptedTeam
from envs.skirmish.world import SkirmishWorld
from envs.units import unit_names, unit_type

STRETCH = 6  # environment steps that agents follow a script, and that a battle goes on before all begin again
KEEPING = 0.7  # chance that an agent goes on with its script after a stretch
WORTH_OF_LIVING = 0.3  # of a unit's full worth, for being alive at all


class Standing(NamedTuple):
    """How one planned battle ended."""

    won: bool
    steps: int
    returned: float


class _Sum:
    """Adds up the team reward of each copy."""

    def begin(self, battles: Battles, turn: TeamTurn) -> None:
        """Begin at nothing."""
        self.total = np.zeros(battles.count)

    def record(self, turn: TeamTurn) -> None:
        """Add a step's reward."""
        self.total += turn.team_reward


def play_planned(map: str, episode: int, copies: int = 256, seed: int = 0, threads: int = 1) -> Standing:
    """Play one battle of a map with as many copies as given; raises ConfigurationError for an unknown map."""
    sums = _Sum()
    world = SkirmishWorld(load_map(map), seed, skirmish_options(), sums, threads)
    teams = [ScriptedTeam(policy, map, seed) for policy in POLICIES]
    battles = Battles(Purpose.SHOWING, episode * copies, copies)
    draws = generator(seed, f"planned {map}", episode)
    history: list[Integers] = []  # [agents] of every step that has really happened
    try:
        while True:
            tried = _play_copies(world, teams, battles, history, draws)
            best = int(_standing(world).argmax())
            won = world.outcomes()
            if won[best] or len(tried) <= len(history) + STRETCH:
                return Standing(bool(won[best]), int(world.steps_taken()[best]), float(sums.total[best]))
            history += [actions[:, best] for actions in tried[len(history) : len(history) + STRETCH]]
    finally:
        world.close()


def _play_copies(
    world: SkirmishWorld,
    teams: list[ScriptedTeam],
    battles: Battles,
    history: list[Integers],
    draws: np.random.Generator,
) -> list[Integers]:
    """Let every copy repeat what has happened and go on by scripts of its own to the end; return all actions."""
    world.begin(battles)
    turn = world.copy_battle(0)
    for team in teams:
        team.begin(battles)
    tried: list[Integers] = []
    scripts = direction = np.zeros((world.spec.n_agents, battles.count), np.int64)
    while not (turn.terminated | turn.truncated).all():
        if len(tried) < len(history):
            actions = np.repeat(history[len(tried)][:, None], battles.count, axis=1)
            actions = np.where(turn.available_actions[..., 0], 0, actions)
        else:
            if (len(tried) - len(history)) % STRETCH == 0:
                drawn = draws.integers(len(teams) + 2, size=scripts.shape)  # two more: stay, and one lone direction
                keep = (draws.random(scripts.shape) < KEEPING) & (len(tried) > len(history))
                scripts = np.where(keep, scripts, drawn)
                direction = draws.integers(2, 6, size=scripts.shape)
            actions = _choose(world, teams, scripts, direction, turn.available_actions)
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
    """[copies] how well each stands: winning, then what part of its worth the own team has left, less the enemies'."""
    types = [unit_type(name) for name in unit_names()]
    full = np.array([one.health + one.shield for one in types])
    units = world.units_of_all_battles()
    whole = full[units["kind"]]
    worth = units["health"] + units["shield"] + WORTH_OF_LIVING * whole * (units["health"] > 0)
    agents = world.spec.n_agents
    own = worth[:, :agents].sum(1) / whole[:, :agents].sum(1)
    theirs = worth[:, agents:].sum(1) / whole[:, agents:].sum(1)
    standing: np.ndarray = own - theirs + 10.0 * world.outcomes()
    return standing
