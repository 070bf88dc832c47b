"""The settings that skirmish and smac share, with the names and defaults of SMAC's StarCraft2Env."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import choice, number, value
from fedqmix.conf.schema import EnvConfig


@dataclass
class BattleOptions(EnvConfig):
    """SMAC's options of observations, states and rewards (Samvelyan et al. 2019, arXiv 1902.04043)."""

    obs_all_health: bool = value(doc="observations hold the health of all units in sight")
    obs_own_health: bool = value(doc="observations hold the agent's own health")
    obs_last_action: bool = value(doc="observations hold the last actions of allies in sight")
    obs_pathing_grid: bool = value(doc="observations hold the walkable cells around the agent")
    obs_terrain_height: bool = value(doc="observations hold the terrain's height around the agent")
    obs_instead_of_state: bool = value(doc="the state is all agents' observations, one after another")
    obs_timestep_number: bool = value(doc="observations hold the time in the episode")
    state_last_action: bool = value(doc="the state holds all agents' last actions (docs/privacy.md)")
    state_timestep_number: bool = value(doc="the state holds the time in the episode")
    reward_sparse: bool = value(doc="1 for a win, -1 for a defeat, and nothing else")
    reward_only_positive: bool = value(doc="no negative reward for allies that are hit or killed")
    reward_death_value: float = number(0, doc="reward of an enemy's death; negative for an ally's")
    reward_win: float = number(0, doc="reward of a win")
    reward_defeat: float = value(doc="reward of a defeat")
    reward_negative_scale: float = number(0, doc="factor of the negative rewards")
    reward_scale: bool = value(doc="scale rewards so that a perfect episode's return is reward_scale_rate")
    reward_scale_rate: float = number(0, above=True, doc="the return of a perfect episode, when scaled")
    starts: str = choice(
        "fixed", "varied", doc="the units' initial positions outside evaluations, as evaluation.starts"
    )

    @property
    def side_by_side(self) -> int | None:
        """The most episodes that the world plays at once; None without a bound."""
        return None
