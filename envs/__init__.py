"""The worlds in which agents play: combat simulators behind SMAC's interface."""

from fedqmix.envs.factory import available_maps, make_world, maximum_reward, require_world, team_spec

__all__ = ["available_maps", "make_world", "maximum_reward", "require_world", "team_spec"]
