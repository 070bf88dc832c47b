"""Unmodified pysc2 against the stand-in for the game: whole battles, which are skirmish's own."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from fedqmix.envs.maps import load_map
from fedqmix.envs.scripted import ScriptedTeam
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.envs.units import unit_names, unit_type
from support.worlds import MAPS, KeepingSink, RandomPlayer, options, training

SEED = 5  # as launched_game.py creates games
NO_LIMIT = 10_000


class Compared:
    """A launched game and a world of skirmish beside it that plays the same battles."""

    def __init__(self, game, map: str) -> None:
        self.game, self.map = game.begin(map), map
        self.record = load_map(map)
        unlimited = replace(self.record, episode_limit=NO_LIMIT)
        self.world = SkirmishWorld(unlimited, SEED, options(), KeepingSink())
        self.number = 0
        self._begin()

    def _begin(self) -> None:
        self.battles = training(self.number, 1)
        self.time_step = self.world.begin(self.battles)
        self.agents, self.enemies = self.game.units(1), [unit.tag for unit in self.game.units(2)]
        assert len(self.agents) == self.record.n_agents
        assert len(self.enemies) == self.record.n_enemies
        self.tags = {unit.tag for unit in self.game.everybody()}
        self.compare()

    def next_battle(self) -> None:
        """Kill the survivors, upon which the next battle begins, with new units."""
        before = self.tags
        self.game.kill(self.game.everybody())
        assert self.game.everybody() == []
        self.game.controller.step(2)
        self.number += 1
        self._begin()
        assert not before & self.tags

    def step(self, actions) -> None:
        """Take an environment step in both, and compare."""
        results = self.game.act(self.agents, self.enemies, actions[:, 0])
        assert results == [1] * np.count_nonzero(actions)
        self.game.controller.step(8)
        self.time_step = self.world.step(actions)
        seen = {unit.tag: unit for unit in self.game.units(1)}
        self.agents = [seen.get(unit.tag, unit) for unit in self.agents]
        self.compare()

    def compare(self) -> None:
        """Everybody who lives is listed in skirmish's order, and is as skirmish has it, but for float32."""
        listed = self.game.everybody()
        units = self.world.units_of_all_battles()[0]
        living = units[units["health"] > 0]
        assert len(listed) == len(living)
        kinds = [unit_type(unit_names()[kind]) for kind in living["kind"]]
        energy = [unit["energy"] if kind.energy else 0.0 for unit, kind in zip(living, kinds, strict=True)]
        expected = [living["x"], living["y"], living["health"], living["shield"], np.maximum(living["cooldown"], 0)]
        shown = [
            (one.pos.x, one.pos.y, one.health, one.shield, one.weapon_cooldown, one.energy, one.health_max)
            for one in listed
        ]
        full = [kind.health for kind in kinds]
        np.testing.assert_array_equal(
            np.array(shown, np.float32).reshape(-1, 7), np.stack([*expected, energy, full], axis=1).astype(np.float32)
        )

    def play(self, player) -> None:
        """Play a battle until one team is dead."""
        while not self.time_step.terminated[0]:
            self.step(player(self.time_step))

    def scripted(self):
        """A player who attacks the nearest."""
        team = ScriptedTeam("nearest", self.map, SEED)
        team.begin(self.battles)
        return lambda time_step: team.choose(self.world.units_of_all_battles(), time_step.available_actions)

    def weaken(self, owner: int) -> None:
        """Leave a player's units one point of health, in both."""
        self.game.weaken(self.game.units(owner))
        first = self.record.n_agents
        units = self.world.units_of_all_battles()[0][slice(first, None) if owner == 2 else slice(first)]
        units["health"], units["shield"] = 1.0, 0.0
        self.compare()


@pytest.mark.parametrize("map", ["3m", "2s3z", "MMM2", "corridor"])
def test_battles_are_skirmishs_own(game, map):
    both = Compared(game, map)
    both.play(RandomPlayer(SEED, 0, 1))
    both.next_battle()
    both.weaken(2)
    both.play(both.scripted())
    assert both.time_step.won[0]
    assert len(both.game.units(2)) <= (map == "MMM2")  # there a lone medivac is a lost team
    both.next_battle()
    both.weaken(1)
    both.play(RandomPlayer(SEED, 2, 1))
    assert both.time_step.terminated[0]
    assert not both.time_step.won[0]
    both.next_battle()


def test_units_have_the_types_that_smac_looks_for(game):
    from pysc2.lib.units import get_unit_type

    for map in MAPS:
        agents, enemies = game.begin(map).units(1), game.units(2)
        assert sorted(agents, key=lambda unit: (unit.unit_type, unit.pos.x, unit.pos.y)) == agents
        record = load_map(map)
        names = [get_unit_type(unit.unit_type).name.lower() for unit in enemies]
        assert names == [group.unit.replace("_", "") for group in record.enemies for _ in range(group.count)]
        types = record.ally_slots or (record.allies[0].unit,)
        first = agents[0].unit_type  # _init_ally_unit_types counts up from it
        counts = {
            first + slot: sum(one.count for one in record.allies if one.unit == name) for slot, name in enumerate(types)
        }
        assert Counter(unit.unit_type for unit in agents) == counts
        game.controller.leave()


def test_a_battle_that_is_over_stays_as_it_is(game):
    both = Compared(game, "3m")
    both.weaken(2)
    both.play(both.scripted())
    survivors, loop = both.game.units(1), both.game.controller.observe().observation.game_loop
    for unit in survivors:
        goal = {"x": unit.pos.x, "y": unit.pos.y + 2}
        both.game.order(ability_id=16, unit_tags=[unit.tag], target_world_space_pos=goal)
    both.game.controller.step(80)
    assert [unit.pos for unit in both.game.units(1)] == [unit.pos for unit in survivors]
    assert both.game.controller.observe().observation.game_loop == loop + 80


def test_a_battle_goes_on_past_smacs_episode_limit(game):
    both = Compared(game, "2s_vs_1sc")  # whose enemy stays where it is
    stop = np.ones((2, 1), np.int64)
    both.game.controller.step(8 * (both.record.episode_limit + 1))
    for _ in range(both.record.episode_limit + 1):
        both.world.step(stop)
    both.time_step = both.world.step(stop)
    both.game.controller.step(8)
    before = [unit.pos.y for unit in both.game.units(1)]
    both.step(np.full((2, 1), 2))
    assert [unit.pos.y for unit in both.game.units(1)] > before


def test_the_rules_move_every_eighth_loop(game):
    both = Compared(game, "3m")
    for _ in range(3):
        actions = np.full((3, 1), 4)
        both.game.act(both.agents, both.enemies, actions[:, 0])
        for _ in range(7):
            both.game.controller.step(1)
            both.compare()
        both.game.controller.step(1)
        both.time_step = both.world.step(actions)
        both.compare()
        both.agents = both.game.units(1)


def test_who_is_told_nothing_goes_on_with_what_it_was_told(game):
    game.begin("3m")
    *others, northern = sorted(game.units(1), key=lambda unit: unit.pos.y)
    goal = {"x": northern.pos.x, "y": northern.pos.y + 2}
    game.order(ability_id=16, unit_tags=[northern.tag], target_world_space_pos=goal)
    ways = []
    for _ in range(3):
        game.controller.step(8)
        now = {unit.tag: unit.pos for unit in game.units(1)}
        ways.append(now[northern.tag].y - northern.pos.y)
        assert all(now[unit.tag] == unit.pos for unit in others)
    assert ways[0] == pytest.approx(1.125)  # a marine's walk in an environment step
    assert ways[1] == ways[2] == pytest.approx(2, abs=2.25 / 16)  # there, but for less than a loop's walk


def test_a_replay_tells_the_battles_again(game):
    both = Compared(game, "3m")
    both.play(RandomPlayer(SEED, 0, 1))
    both.next_battle()
    both.step(np.full((3, 1), 4))
    title, told = both.game.controller.save_replay().split(b"\n", 1)
    replay = json.loads(told)
    assert title == b"fedqmix stand-in replay"
    assert replay["map"] == "3m"
    again = SkirmishWorld(load_map("3m"), replay["seed"], options(), KeepingSink())
    for number, battle in enumerate(replay["battles"]):
        again.begin(training(number, 1))
        for actions in battle:
            again.step(np.array(actions)[:, None])
    np.testing.assert_array_equal(again.units_of_all_battles(), both.world.units_of_all_battles())
