"""The ambush: where a team waits for its enemies, whom it shoots at, who draws back, and that it wins."""

from __future__ import annotations

import pytest

from fedqmix.analysis.benchmarks import fidelity
from fedqmix.envs.ambush import AT_HAND, BEHIND, HURT, ambush, share_out
from fedqmix.envs.units import unit_type
from support.moments import EAST, NORTH, SOUTH, WEST, moment, unit

STOP = 1
FAR = [unit("marine", 26, 16)]


def chosen(allies, enemies, **more):
    scene = moment(allies, enemies, **more)
    return ambush(scene)[:, 0].tolist()


def test_a_line_forms_across_the_way_behind_where_the_team_began():
    opening = [unit("marine", 12, 15), unit("marine", 12, 16), unit("marine", 12, 17), *FAR]
    x = 12 - BEHIND
    assert chosen(opening[:3], FAR, opening=opening) == [WEST, WEST, WEST]
    above, middle, below = unit("marine", x, 20), unit("marine", x, 16), unit("marine", x, 12)
    assert chosen([below, middle, above], FAR, opening=opening) == [NORTH, STOP, SOUTH]
    assert chosen([above, middle, below], FAR, opening=opening) == [SOUTH, STOP, NORTH]  # nobody crosses over
    close = [unit("marine", x, 15.8), unit("marine", x, 16), unit("marine", x, 16.2)]
    assert chosen(close, FAR, opening=opening) == [SOUTH, STOP, NORTH]


def test_who_reaches_farther_waits_farther_back_and_healers_in_the_middle():
    opening = [unit("marine", 12, 16), unit("marauder", 12, 16), unit("medivac", 12, 16), *FAR]
    x = 12 - BEHIND
    line = [unit("marine", x, 15.3), unit("marauder", x, 16.7), unit("medivac", x, 20)]
    assert chosen(line, FAR, opening=opening) == [STOP, WEST, SOUTH]
    line[1]["x"] = x - 1
    assert chosen(line, FAR, opening=opening)[1] == STOP


def test_the_fight_begins_when_the_enemies_are_at_hand_or_at_rest():
    alone = [unit("marine", 10, 16)]
    reach = 5 + 2 * unit_type("marine").radius
    begun = [*alone, unit("marine", 30, 16)]
    for beyond, action in ((AT_HAND + 0.1, WEST), (AT_HAND - 0.1, EAST)):
        near = [unit("marine", 10 + reach + beyond, 16)]
        before = [*alone, unit("marine", near[0]["x"] + 1, 16)]
        assert chosen(alone, near, opening=begun, before=before) == [action]
    assert chosen(alone, FAR, opening=begun, before=[*alone, *FAR]) == [EAST]
    healer = [unit("medivac", 12, 16)]
    assert chosen(alone, [*FAR, *healer], opening=[*begun, *healer]) == [WEST]  # a healer at hand is no reason


def test_nobody_shoots_at_who_is_dead_by_then():
    allies = [unit("marine", 10, 15), unit("marine", 10, 16), unit("marine", 10, 17)]
    enemies = [unit("marine", 14, 16), unit("marine", 14, 15.5, 9)]
    assert share_out(moment(allies, enemies))[:, 0].tolist() == [1, 1, 0]
    waiting = [unit("marine", 10, 15, cooldown=9), *allies[1:]]
    assert share_out(moment(waiting, enemies))[:, 0].tolist() == [1, 1, 1]
    assert share_out(moment(allies, enemies[1:]))[:, 0].tolist() == [0, 0, 0]  # if there is nobody else
    assert share_out(moment(allies, [unit("marine", 16.5, 16)]))[:, 0].tolist() == [-1, -1, -1]


def test_what_counts_is_how_many_of_the_own_shots_it_takes():
    allies = [unit("marauder", 10, 15), unit("marine", 10, 16)]
    enemies = [unit("marine", 14, 16, 31), unit("marauder", 14, 15, 38)]  # 4 or 2 shots of 10 and 19, 6 or 8 of 6 and 5
    assert share_out(moment(allies, enemies))[:, 0].tolist() == [1, 1]  # the marauder leaves 19: 4 shots of a marine
    allies[0]["cooldown"] = 9
    assert share_out(moment(allies, enemies))[:, 0].tolist() == [1, 0]


def test_who_is_hurt_and_hit_draws_back_while_its_weapon_is_not_ready():
    low = HURT * 45 - 1
    enemies = [unit("marine", 14, 16)]

    def action(health, before, cooldown):
        now = [unit("marine", 10, 16, health, cooldown=cooldown)]
        return chosen(now, enemies, before=[unit("marine", 10, 16, before), *enemies])[0]

    assert action(low, low + 6, 10) == WEST
    assert action(low, low + 6, 5) == 6
    assert action(low, low, 10) == 6
    assert action(HURT * 45 + 1, 45, 10) == 6


def test_healers_heal_who_has_lost_the_greatest_share():
    allies = [unit("marine", 10, 15, 20), unit("marauder", 10, 16, 95), unit("medivac", 9, 16)]
    enemies = [unit("marine", 14, 16)]
    assert chosen(allies, enemies)[2] == 6
    allies[0]["health"] = 45
    assert chosen(allies, enemies)[2] == 7


@pytest.mark.parametrize("map", ["MMM2", "27m_vs_30m"])
def test_it_wins_where_no_other_script_does(map):
    figures = fidelity.measure([map], ["ambush"], episodes=64)["results"][map]["ambush"]
    assert figures["won_low"] > 0.5
