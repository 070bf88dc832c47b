"""SMACv2's scenarios as a world: the contract, sizes, settings, the enemies' orders, rewards and ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fedqmix.envs import StarCraft2Env, make_world, team_spec
from fedqmix.envs.factory import agent_types, available_tasks, playable_tasks
from fedqmix.envs.maps import available_maps, load_map
from fedqmix.envs.positions import read_units
from fedqmix.envs.scripted import ScriptedTeam
from fedqmix.envs.skirmish import combat, rewards
from fedqmix.envs.skirmish.arrays import ATTACK_MOVE, TARGET
from fedqmix.envs.skirmish.layout import make_layout
from fedqmix.envs.skirmish.random_teams.tasks import RANDOM_TEAMS
from fedqmix.envs.skirmish.scene import make_scene
from fedqmix.envs.skirmish.smacv2.enemies import order_enemies
from fedqmix.envs.skirmish.smacv2.scenarios import SCENARIOS
from fedqmix.runtime.core.errors import ConfigurationError, UnavailableActionError
from fedqmix.runtime.core.world import TeamSink, World
from fedqmix.testing import WorldContract
from support.callable_rules import callable_kernel
from support.smacv2_units import KINDS, Shown
from support.worlds import KeepingSink, RandomPlayer, options, play, smac_options, training

order, decide = callable_kernel(order_enemies), callable_kernel(combat.decide)
outcome = callable_kernel(rewards.outcome)
SIZES = {
    "5_vs_5": (11, (92, 130), (82, 120)),
    "10_vs_10": (16, (182, 310), (162, 290)),
    "10_vs_11": (17, (191, 327), (170, 306)),
    "20_vs_20": (26, (362, 820), (322, 780)),
    "20_vs_23": (29, (389, 901), (346, 858)),
}


class TestProtoss(WorldContract):
    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        return make_world("protoss_5_vs_5", seed, options(), sink, threads)


class TestMoreEnemiesThanAgents(WorldContract):
    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        env = options(prob_obs_enemy=0.0, action_mask=False, reward_only_positive=False, obs_timestep_number=True)
        return make_world("terran_10_vs_11", seed, env, sink, threads)


class TestConesAndErrors(WorldContract):
    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        env = options(conic_fov=True, quirk=True, prob_obs_enemy=0.4, obs_last_action=True)
        return make_world("zerg_5_vs_5", seed, env, sink, threads)


@pytest.mark.parametrize("race", ["protoss", "terran", "zerg"])
@pytest.mark.parametrize("teams", SIZES)
def test_sizes_are_the_published(race: str, teams: str) -> None:
    n_actions, *sizes = SIZES[teams]
    spec = team_spec(f"{race}_{teams}", options())
    assert (spec.n_actions, (spec.obs_dim, spec.state_dim)) == (n_actions, sizes[race != "protoss"])
    assert f"{spec.n_agents}_vs_" in teams + "_vs_"
    assert spec.episode_limit == 200
    for space in (spec.observation, spec.state):
        assert len(set(space.names)) == space.dim


def test_all_fifteen_are_tasks_of_skirmish_alone() -> None:
    assert len(SCENARIOS) == 15
    assert list(available_tasks("skirmish")) == [*available_maps(), *SCENARIOS, *RANDOM_TEAMS]
    assert list(available_tasks("smac")) == available_maps()
    with pytest.raises(ConfigurationError, match="scenario of SMACv2"):
        team_spec("zerg_5_vs_5", smac_options())


def test_settings_choose_the_tasks() -> None:
    assert playable_tasks(options()) == list(available_tasks("skirmish"))
    assert playable_tasks(options(randomise="both")) == available_maps()
    assert playable_tasks(options(conic_fov=True)) == list(SCENARIOS)


def test_cones_add_actions_and_numbers() -> None:
    """12 actions; the direction of view in the own features, in the state and nowhere else."""
    plain, cones = team_spec("zerg_10_vs_11", options()), team_spec("zerg_10_vs_11", options(conic_fov=True))
    assert cones.n_actions == plain.n_actions + 12
    assert cones.obs_dim == plain.obs_dim + 2
    assert cones.state_dim == plain.state_dim + 10 * 2 + 10 * 12
    assert "own_facing_x" in cones.observation.names
    assert cones.state.names.index("agent_0_facing_y") + 1 == cones.state.names.index("agent_0_is_zergling")


def test_a_healer_has_an_action_for_each_of_more_agents() -> None:
    assert team_spec("terran_7_vs_5", options()).n_actions == 6 + 7
    assert team_spec("protoss_7_vs_5", options()).n_actions == 6 + 5


@pytest.mark.parametrize(
    ("map", "changes", "message"),
    [
        ("protoss_5_vs_5", {"randomise": "types"}, "draws types and positions by itself"),
        ("3m", {"conic_fov": True}, "env.conic_fov=true belongs to SMACv2"),
        ("3m", {"prob_obs_enemy": 0.5}, "env.prob_obs_enemy=0.5 belongs"),
        ("3m", {"action_mask": False}, "leave env.action_mask=true"),
        ("3m", {"quirk": True}, "env.quirk=true belongs"),
        ("3m", {"reflect": 0.2}, "env.reflect=0.2 belongs"),
        ("3-8sz", {"reflect": 1.0}, "leave env.reflect=0.5"),
        ("terran_65_vs_5", {}, "at most 64 agents"),
        ("terran_60_vs_70", {}, "128 units"),
        ("protos_5_vs_5", {}, "unknown map 'protos_5_vs_5'; did you mean 'protoss_5_vs_5'"),
    ],
)
def test_what_cannot_be_played_is_refused(map: str, changes: dict, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        team_spec(map, options(**changes))


def test_types_are_those_of_one_episode() -> None:
    with pytest.raises(ConfigurationError, match="map=terran_5_vs_5 draws the agents' unit types"):
        agent_types("terran_5_vs_5", options())


def test_smacs_class_plays_no_scenario() -> None:
    with pytest.raises(ConfigurationError, match="this class is SMAC's"):
        StarCraft2Env(map_name="zerg_5_vs_5")
    with pytest.raises(ConfigurationError, match="conic_fov"):
        StarCraft2Env(map_name="3m", conic_fov=True)


def test_errors_name_the_actions_of_a_cone() -> None:
    world = make_world("zerg_5_vs_5", 0, options(conic_fov=True), KeepingSink())
    world.begin(training(0, 1))
    actions = np.full((5, 1), 9, np.int64)
    world.step(actions)
    actions[2] = 18 + 4
    with pytest.raises(UnavailableActionError, match=r"attack enemy 4.*8 \(look towards 60 degrees\)"):
        world.step(actions)


def test_scripted_teams_play_scenarios_but_no_cones() -> None:
    wins = 0
    for map in ("protoss_5_vs_5", "terran_5_vs_5", "zerg_5_vs_5"):
        world = make_world(map, 3, options(), KeepingSink())
        team, batch = ScriptedTeam("focus", map, 3), training(0, 64)
        team.begin(batch)
        time_steps = play(
            world, batch, lambda now, world=world, team=team: team.choose(read_units(world, 64), now.available_actions)
        )
        wins += int(time_steps[-1].won.sum())
    assert wins > 10
    world = make_world("zerg_5_vs_5", 3, options(conic_fov=True), KeepingSink())
    time_step = world.begin(training(0, 1))
    team.begin(training(0, 1))
    with pytest.raises(ConfigurationError, match="conic_fov=false"):
        ScriptedTeam("nearest", "zerg_5_vs_5", 1).choose(read_units(world, 1), time_step.available_actions)


def test_what_agents_may_see_changes_no_battle() -> None:
    """Discoveries have random numbers of their own: with the same actions the units fare the same."""
    states = []
    for part in (1.0, 0.5, 0.0):
        sink = KeepingSink()
        world = make_world("protoss_5_vs_5", 2, options(prob_obs_enemy=part), sink)
        play(world, training(0, 8), RandomPlayer(4, 0, 8))
        states.append(np.stack([step.state for step in sink.time_steps]))
    assert np.array_equal(states[0], states[1])
    assert np.array_equal(states[0], states[2])


def test_an_enemy_without_an_order_is_sent_to_the_nearest_agent() -> None:
    units = [("marine", 10.0, 16.0), ("medivac", 18.0, 16.0), ("marine", 20.0, 16.0), ("marauder", 19.0, 16.0)]
    battle = Shown("terran_2_vs_2", units)
    own = battle.units[0]
    own["order"][2:], own["target"][2:], own["arrived"][2:] = ATTACK_MOVE, -1, True
    scene = make_scene(battle.record, battle.layout.vision)
    order(scene, battle.units, 0)
    assert own["order"][2:].tolist() == [TARGET, TARGET]
    assert own["target"][2:].tolist() == [1, 0]  # a marauder cannot hit what flies
    own["x"][0] = 19.5  # another agent comes nearer: the order stands
    order(scene, battle.units, 0)
    assert own["target"][2] == 1
    own["health"][1] = 0.0
    places = np.zeros((4, 4))
    decide(scene, battle.units, 0, 1.0, places)
    assert own["order"][2] == ATTACK_MOVE
    order(scene, battle.units, 0)
    assert (own["order"][2], own["target"][2]) == (TARGET, 0)


def test_an_enemy_healer_walks_to_the_nearest_agent() -> None:
    battle = Shown("terran_1_vs_1", [("marine", 5.0, 6.0), ("medivac", 20.0, 16.0)])
    own = battle.units[0]
    own["order"][1], own["target"][1], own["arrived"][1] = ATTACK_MOVE, -1, True
    order(make_scene(battle.record, battle.layout.vision), battle.units, 0)
    assert (own["order"][1], own["goal_x"][1], own["goal_y"][1], own["arrived"][1]) == (ATTACK_MOVE, 5.0, 6.0, False)


def test_enemies_come_to_agents_that_wait() -> None:
    """Wherever both start, battles end long before the limit: every enemy pursues."""
    for map in SCENARIOS[::5]:
        world = make_world(map, 1, options(), KeepingSink())
        time_steps = play(world, training(0, 32), lambda now: np.where(now.available_actions[..., 0], 0, 1))
        assert time_steps[-1].terminated.all()
        assert len(time_steps) < 100


def standing(map: str, dead: list[int], units) -> int:
    battle = Shown(map, units)
    battle.units["health"][0, dead] = 0.0
    rules = rewards.make_reward_rules(battle.record, options())
    return outcome(rules, KINDS, battle.units, battle.record.n_agents, 0)


def test_a_side_with_only_medivacs_has_lost() -> None:
    healers, marine = [("medivac", 9.0, 9.0), ("medivac", 9.0, 10.0)], ("marine", 9.0, 11.0)
    teams = [marine, *healers, marine, *healers]
    assert standing("terran_3_vs_3", [], teams) == rewards.ONGOING
    assert standing("terran_3_vs_3", [3], teams) == rewards.WON  # two medivacs are left; in SMAC it would go on
    assert standing("terran_3_vs_3", [0], teams) == rewards.LOST
    assert standing("terran_3_vs_3", [0, 3], teams) == rewards.LOST
    assert standing("protoss_1_vs_1", [0, 1], [("zealot", 9.0, 9.0)] * 2) == rewards.BOTH_DEAD


@pytest.mark.parametrize(("gain", "reward"), [(5.0, 0.0), (-5.0, 5.0)])
def test_rewards_are_never_negative(gain: float, reward: float) -> None:
    """An enemy that gains health pays nothing, where SMAC pays the absolute value."""
    write = callable_kernel(rewards.write_rewards)
    battle = Shown("terran_1_vs_1", [("marine", 9.0, 9.0), ("marine", 10.0, 9.0, 30.0)])
    own = battle.units[0]
    own["worth_before"] = own["health"] + own["shield"]
    own["health"][1] += gain
    rules = rewards.make_reward_rules(battle.record, options())
    team, individual = np.zeros(1, np.float32), np.zeros((1, 1), np.float32)
    write(rules, battle.units, 1, 0, rewards.ONGOING, 1.0, np.zeros((1, 2)), team, individual)
    assert team[0] == reward
    smac = rewards.make_reward_rules(load_map("3m"), options())
    write(smac, battle.units, 1, 0, rewards.ONGOING, 1.0, np.zeros((1, 2)), team, individual)
    assert team[0] == 5.0


def test_a_perfect_episode_returns_the_scale_whatever_the_enemies() -> None:
    """The scale is that of the episode's own enemies."""
    scale = callable_kernel(rewards.reward_scale)
    for enemy, worth in (("zealot", 150), ("colossus", 350)):
        battle = Shown("protoss_1_vs_1", [("zealot", 9.0, 9.0), (enemy, 10.0, 9.0)])
        rules = rewards.make_reward_rules(battle.record, options())
        assert scale(rules, KINDS, battle.units, 1, 0) == pytest.approx(20 / (200 + 10 + worth))


def test_the_field_is_open() -> None:
    record = load_map("zerg_20_vs_23")
    assert record.walkable.shape == (32, 32)
    assert record.walkable.all()
    assert not record.cliffs.any()
    assert not make_scene(record).terrain.winding
    assert make_layout(replace(record, episode_limit=7), options()).episode_limit == 7
