"""The maps on offer: sizes as SMAC reports them, and an error that helps for any other name."""

from __future__ import annotations

import pytest

from fedqmix.envs import available_maps, make_world, maximum_reward, team_spec
from fedqmix.runtime.core.errors import ConfigurationError
from support.worlds import MAPS, KeepingSink, options

# map: agents, actions, observation, state, limit (get_env_info of SMAC with default options), max_reward
SMAC = {
    "3m": (3, 9, 30, 48, 60, 365),
    "8m": (8, 14, 80, 168, 120, 640),
    "25m": (25, 31, 250, 950, 150, 1575),
    "5m_vs_6m": (5, 12, 55, 98, 70, 530),
    "8m_vs_9m": (8, 15, 85, 179, 120, 695),
    "10m_vs_11m": (10, 17, 105, 243, 150, 805),
    "27m_vs_30m": (27, 36, 285, 1170, 180, 1850),
    "MMM": (10, 16, 160, 290, 150, 1015),
    "MMM2": (10, 18, 176, 322, 180, 1205),
    "2s3z": (5, 11, 80, 120, 120, 1020),
    "3s5z": (8, 14, 128, 216, 150, 1510),
    "3s5z_vs_3s6z": (8, 15, 136, 230, 170, 1670),
    "3s_vs_3z": (3, 9, 36, 54, 150, 680),
    "3s_vs_4z": (3, 10, 42, 61, 200, 840),
    "3s_vs_5z": (3, 11, 48, 68, 250, 1000),
    "1c3s5z": (9, 15, 162, 270, 180, 1870),
    "2m_vs_1z": (2, 7, 16, 26, 150, 360),
    "corridor": (6, 30, 156, 282, 400, 1280),
    "6h_vs_8z": (6, 14, 78, 140, 150, 1480),
    "2s_vs_1sc": (2, 7, 17, 27, 300, 510),
    "so_many_baneling": (7, 38, 202, 397, 100, 1480),
    "bane_vs_bane": (24, 30, 336, 984, 200, 1260),
    "2c_vs_64zg": (2, 70, 332, 342, 400, 3080),
}


@pytest.mark.parametrize("name", SMAC)
def test_sizes_equal_smacs(name: str) -> None:
    *sizes, max_reward = SMAC[name]
    spec = team_spec(name, options())
    assert [spec.n_agents, spec.n_actions, spec.obs_dim, spec.state_dim, spec.episode_limit] == sizes
    assert maximum_reward(name, options()) == max_reward


@pytest.mark.parametrize("name", SMAC)
def test_worlds_have_the_sizes_of_their_specification(name: str) -> None:
    assert make_world(name, 0, options(), KeepingSink()).spec == team_spec(name, options())


def test_available_maps() -> None:
    """All of SMAC's, fewest units first."""
    assert sorted(available_maps()) == sorted(MAPS) == sorted(SMAC)
    assert available_maps()[:3] == ["2m_vs_1z", "2s_vs_1sc", "3m"]
    assert available_maps()[-1] == "2c_vs_64zg"


@pytest.mark.parametrize(
    ("wrong", "meant"), [("3M", "3m"), ("5m_vs_6", "5m_vs_6m"), ("27m-vs-30m", "27m_vs_30m"), ("mmm2", "MMM2")]
)
def test_a_misspelt_map_names_the_nearest(wrong: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{wrong}'.*'{meant}'.*Allowed: 2m_vs_1z, .*2c_vs_64zg"):
        team_spec(wrong, options())


def test_a_name_like_no_other_lists_all_maps() -> None:
    with pytest.raises(ConfigurationError, match="'desert'") as caught:
        team_spec("desert", options())
    assert "did you mean" not in str(caught.value)
    assert all(name in str(caught.value) for name in MAPS)
