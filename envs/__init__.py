"""The worlds in which agents play: combat simulators behind SMAC's interface."""

from fedqmix.envs.factory import agent_unit_types, available_maps, make_world, maximum_reward, require_world, team_spec

__all__ = ["agent_unit_types", "available_maps", "make_world", "maximum_reward", "require_world", "team_spec"]
