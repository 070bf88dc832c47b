"""REFIL's sets of drawn teams: the contract, frequencies of teams, places, absences, rewards and healing."""

from __future__ import annotations

from collections import Counter
from math import comb

import numpy as np
import pytest

from fedqmix.envs import StarCraft2Env, make_world, team_spec
from fedqmix.envs.factory import agent_types
from fedqmix.envs.maps import load_map
from fedqmix.envs.positions import read_units
from fedqmix.envs.replays.actions import action_names
from fedqmix.envs.scripted import ScriptedTeam
from fedqmix.envs.skirmish.random_teams.tasks import APART, MOST, RANDOM_TEAMS, SETS, teams_of
from fedqmix.envs.skirmish.rewards import make_reward_rules
from fedqmix.envs.units import unit_names
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import TeamSink, World
from fedqmix.testing import WorldContract
from support.worlds import KeepingSink, RandomPlayer, options, play, smac_options, training

TEAMS = {"3-8m": 6, "3-8sz": 39, "3-8csz": 66, "3-8MMM": 66}
STALKER, ZEALOT, MEDIVAC = (unit_names().index(name) for name in ("stalker", "zealot", "medivac"))


class TestStalkersAndZealots(WorldContract):
    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        return make_world("3-8sz", seed, options(), sink, threads)


class TestHealersAndEveryOption(WorldContract):
    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        env = options(obs_last_action=True, obs_timestep_number=True, reward_only_positive=False, reward_defeat=-50.0)
        return make_world("3-8MMM", seed, env, sink, threads)


def begun(name: str, battles: int, seed: int = 3):
    """Return a world with begun battles, and its first time step."""
    world = make_world(name, seed, options(), KeepingSink())
    return world, world.begin(training(0, battles))


def drawn_teams(name: str, battles: int) -> list[tuple[int, ...]]:
    """Return the agents' numbers by type in every battle, and check that both sides are equal."""
    world, time_step = begun(name, battles)
    units = world.units_of_all_battles()
    kinds = [unit_names().index(own) for own in SETS[name].types]
    found = []
    for own in units:
        sides = [
            tuple(int(((side["kind"] == kind) & ~side["absent"]).sum()) for kind in kinds)
            for side in (own[:MOST], own[MOST:])
        ]
        assert sides[0] == sides[1]
        found.append(sides[0])
    np.testing.assert_array_equal(time_step.exists.T, ~units["absent"][:, :MOST])
    return found


@pytest.mark.parametrize("name", RANDOM_TEAMS)
def test_all_teams_are_drawn_equally_often(name: str) -> None:
    """A chi-squared test of the teams' frequencies; 200 battles for each team."""
    teams = [tuple(own) for own in teams_of(name).tolist()]
    assert len(set(teams)) == len(teams) == TEAMS[name]
    battles = 200 * len(teams)
    counts = Counter(drawn_teams(name, battles))
    assert counts.keys() == set(teams)
    freedom = len(teams) - 1
    chi_squared = sum((counts[own] - 200) ** 2 / 200 for own in teams)
    assert abs(chi_squared - freedom) < 4.5 * (2 * freedom) ** 0.5


def test_teams_are_those_of_the_paper() -> None:
    for name, most, special in (("3-8sz", 8, 1), ("3-8csz", 6, 3), ("3-8MMM", 6, 3)):
        teams = teams_of(name)
        fighters = teams[:, :2].sum(1)
        assert (fighters.min(), fighters.max()) == (3, most)
        assert len(teams) == special * sum(comb(own + 1, 1) for own in range(3, most + 1))
        assert teams.sum(1).max() == MOST


def test_every_number_exists_equally_often() -> None:
    _, time_step = begun("3-8sz", 4000)
    shares = time_step.exists.mean(1)
    mean = teams_of("3-8sz").sum(1).mean() / MOST
    assert np.abs(shares - mean).max() < 4 * 0.5 / 4000**0.5


def test_teams_stand_apart_on_lines_of_all_directions() -> None:
    """Middles of types lie within a cell of a team's middle, which lies 7 cells from the field's centre."""
    world, _ = begun("3-8sz", 2000)
    units = world.units_of_all_battles()
    angles = []
    for own in units:
        middle = np.array([own["goal_x"][MOST], own["goal_y"][MOST]])  # of the agents: where enemies go
        offset = middle - 16
        assert np.hypot(*offset) == pytest.approx(APART / 2)
        angles.append(np.arctan2(*offset[::-1]))
        for side, at in ((own[:MOST], middle), (own[MOST:], 32 - middle)):
            for kind in (STALKER, ZEALOT):
                there = side[(side["kind"] == kind) & ~side["absent"]]
                if len(there):
                    away = np.array([there["x"].mean(), there["y"].mean()]) - at
                    assert np.abs(away).max() < 1 + 1.5  # units on one spot part by up to their widths
        assert (own["goal_x"][MOST:] == middle[0]).all()
    quarters = np.histogram(angles, bins=8, range=(-np.pi, np.pi))[0]
    assert np.abs(quarters - 250).max() < 5 * 250**0.5


def test_units_that_do_not_exist_are_nothing_for_the_whole_battle() -> None:
    world, time_step = begun("3-8csz", 64)
    sink_state = world._team.state  # the team's view of the same time step
    exists = time_step.exists.copy()
    player = RandomPlayer(1, 0, 64)
    layout = world._layout
    killed = np.zeros(64, np.int64)
    while not (time_step.terminated | time_step.truncated).all():
        time_step = world.step(player(time_step))
        units = world.units_of_all_battles()
        absent = units["absent"]
        assert not units["health"][absent].any()
        assert not units["shield"][absent].any()
        assert (units["acted_on"][absent] == -1).all()
        np.testing.assert_array_equal(time_step.exists, exists)
        agents = sink_state[:, : MOST * layout.ally_attributes].reshape(64, MOST, -1)
        assert not agents[~exists.T].any()
        actions = sink_state[:, -MOST * layout.n_actions :].reshape(64, MOST, -1)
        assert not actions[~exists.T].any()
        assert not time_step.individual_rewards[~exists].any()
        killed = ((units["health"] == 0) & ~absent)[:, MOST:].sum(1)
    assert killed.any()


def test_a_battle_is_won_without_the_enemies_that_do_not_exist_and_pays_for_those_that_do() -> None:
    """The largest team's max_reward scales all battles: smaller teams return less than 20."""
    record, env = load_map("3-8sz"), options()
    rules = make_reward_rules(record, env)
    assert rules.max_reward == 8 * 10 + 200 + 8 * 160  # eight stalkers
    world, _ = begun("3-8sz", 300)
    sizes = (~world.units_of_all_battles()["absent"][:, :MOST]).sum(1)
    units = world.units_of_all_battles()[:, MOST:]
    pools = [own["health"].sum() + own["shield"].sum() + 10 * (~own["absent"]).sum() for own in units]
    team, batch = ScriptedTeam("focus", "3-8sz", 3), training(0, 300)
    team.begin(batch)
    sink = KeepingSink()
    world = make_world("3-8sz", 3, env, sink)
    steps = play(world, batch, lambda now: team.choose(read_units(world, 300), now.available_actions))
    returns = np.sum([one.team_reward for one in sink.time_steps[1:]], axis=0)
    won = steps[-1].won
    assert 0 < won.sum() < 300
    assert set(sizes[won]) == set(range(3, 9))
    least = (np.array(pools) + 200) * 20 / rules.max_reward
    assert (returns[won] >= least[won] - 1e-3).all()  # shields that regenerated are paid again
    assert returns[won & (sizes == 3)].mean() < returns[won & (sizes == 8)].mean()


def test_healing_has_actions_of_its_own() -> None:
    """A = 22: 6, an attack on each enemy, and healing of each agent."""
    spec = team_spec("3-8MMM", options())
    assert (spec.n_agents, spec.n_actions, spec.episode_limit) == (8, 22, 150)
    world, time_step = begun("3-8MMM", 200)
    healers = (world.units_of_all_battles()["kind"][:, :MOST].T == MEDIVAC) & time_step.exists
    healed = attacked = False
    team = ScriptedTeam("focus", "3-8MMM", 3)
    team.begin(training(0, 200))
    while not (time_step.terminated | time_step.truncated).all():
        available = time_step.available_actions
        assert not available[healers][:, 6:14].any()
        assert not available[~healers][:, 14:].any()
        actions = team.choose(read_units(world, 200), available)
        time_step = world.step(actions)
        acted_on = world.units_of_all_battles()["acted_on"][:, :MOST].T
        heals, attacks = healers & (actions >= 14) & (acted_on >= 0), ~healers & (actions >= 6) & (acted_on >= 0)
        assert (acted_on[heals] == actions[heals] - 14).all()
        assert (acted_on[attacks] == actions[attacks] - 6 + MOST).all()
        healed, attacked = healed or bool(heals.any()), attacked or bool(attacks.any())
    assert healed
    assert attacked


def test_names_of_actions_tell_healing_from_attacks() -> None:
    record = load_map("3-8MMM")
    assert record.n_agents == MOST

    class Unit:
        def __init__(self, side: str, index: int, type: str) -> None:
            self.side, self.index, self.type = side, index, type

    units = [Unit("ally", 0, "medivac"), Unit("ally", 1, "marine")] + [Unit("enemy", i, "marine") for i in range(2)]
    medivac, marine = action_names(units, 10, attacks=2)  # type: ignore[arg-type]
    assert medivac[6:] == ["action 6", "action 7", "heal medivac 0", "heal marine 1"]
    assert marine[6:] == ["attack marine 0", "attack marine 1", "action 8", "action 9"]


def test_what_cannot_be_played_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="draws teams and positions by itself"):
        team_spec("3-8sz", options(randomise="types"))
    with pytest.raises(ConfigurationError, match=r"env\.conic_fov=true belongs to SMACv2"):
        team_spec("3-8sz", options(conic_fov=True))
    with pytest.raises(ConfigurationError, match="a set of drawn teams, which env=skirmish plays alone"):
        team_spec("3-8sz", smac_options())
    with pytest.raises(ConfigurationError, match="map=3-8sz draws the agents' unit types"):
        agent_types("3-8sz", options())
    with pytest.raises(ConfigurationError, match="this class is SMAC's"):
        StarCraft2Env(map_name="3-8sz")


def test_copies_of_battles_have_their_teams() -> None:
    world, time_step = begun("3-8sz", 6)
    before = time_step.exists.copy()
    assert not (before == before[:, :1]).all()
    sources = np.array([5, 4, 3, 2, 1, 0])
    np.testing.assert_array_equal(world.copy_battles(sources).exists, before[:, sources])
