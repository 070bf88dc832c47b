"""What SMAC's `smac.env` exports, played by fedqmix's env=skirmish."""

from fedqmix.envs.starcraft2env import MultiAgentEnv, StarCraft2Env

__all__ = ["MultiAgentEnv", "StarCraft2Env"]
