"""The maps on offer: sizes as SMAC reports them, and an error that helps for any other name."""

from __future__ import annotations

import pytest
from worlds import MAPS, KeepingSink, options

from contracts.errors import ConfigurationError
from contracts.world import TeamSpec
from envs import available_maps, make_world, maximum_reward, team_spec

# map: agents, actions, observation, state, limit (get_env_info of SMAC with default options), max_reward
SMAC = {
    "3m": (3, 9, 30, 48, 60, 365),
    "8m": (8, 14, 80, 168, 120, 640),
    "25m": (25, 31, 250, 950, 150, 1575),
    "5m_vs_6m": (5, 12, 55, 98, 70, 530),
    "8m_vs_9m": (8, 15, 85, 179, 120, 695),
    "10m_vs_11m": (10, 17, 105, 243, 150, 805),
    "27m_vs_30m": (27, 36, 285, 1170, 180, 1850),
}


@pytest.mark.parametrize("name", SMAC)
def test_sizes_equal_smacs(name: str) -> None:
    *sizes, max_reward = SMAC[name]
    assert team_spec(name, options()) == TeamSpec(name, *sizes)
    assert maximum_reward(name, options()) == max_reward
    world = make_world(name, 0, options(), KeepingSink())
    assert world.spec == TeamSpec(name, *sizes)


def test_available_maps() -> None:
    assert sorted(available_maps()) == sorted(MAPS)
    assert available_maps()[0] == "3m"


@pytest.mark.parametrize(("wrong", "meant"), [("3M", "3m"), ("5m_vs_6", "5m_vs_6m"), ("27m-vs-30m", "27m_vs_30m")])
def test_a_misspelt_map_names_the_nearest(wrong: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{wrong}'.*'{meant}'.*Available maps: 3m, .*27m_vs_30m"):
        make_world(wrong, 0, options(), KeepingSink())


def test_a_map_not_yet_offered_lists_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match="'corridor'") as caught:
        team_spec("corridor", options())
    assert all(name in str(caught.value) for name in MAPS)
