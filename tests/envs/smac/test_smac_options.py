"""The settings that SMAC's environment is built with are its own."""

from dataclasses import fields

from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.smac.battle import _smac_settings
from fedqmix.envs.smac.options import SmacOptions
from support.worlds import smac_options

OF_SMAC = {
    *("obs_all_health", "obs_own_health", "obs_last_action", "obs_pathing_grid", "obs_terrain_height"),
    *("obs_instead_of_state", "obs_timestep_number", "state_last_action", "state_timestep_number"),
    *("reward_sparse", "reward_only_positive", "reward_death_value", "reward_win", "reward_defeat"),
    *("reward_negative_scale", "reward_scale", "reward_scale_rate", "difficulty", "replay_dir"),
}
"""Parameters of StarCraft2Env.__init__ (oxwhirl/smac), which takes no others."""


def test_smac_is_given_its_own_parameters_alone() -> None:
    """With env.starts among them, which is ours, no game could start."""
    assert set(_smac_settings(smac_options())) == OF_SMAC


def test_the_world_says_how_many_games_play_side_by_side() -> None:
    assert smac_options(games=3).side_by_side == 3
    assert {one.name for one in fields(SmacOptions)} - {one.name for one in fields(BattleOptions)} == {
        *("games", "call_seconds", "replay_dir", "difficulty")
    }
