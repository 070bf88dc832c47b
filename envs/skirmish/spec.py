"""The sizes of SMAC's maps, the same in every world that plays them."""

from __future__ import annotations

from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.entry_names import observation_names, state_names
from fedqmix.envs.skirmish.layout import make_layout
from fedqmix.envs.skirmish.smacv2.options import check_smacv2
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import TeamSpec


def spec_of(record: MapRecord, env: BattleOptions) -> TeamSpec:
    """Return the sizes of a map's teams, observations and states.

    Raises ConfigurationError for settings that the map does not have (smacv2.options.check_smacv2).
    """
    check_smacv2(record, env)
    layout = make_layout(record, env)
    return TeamSpec(
        map=record.name,
        n_agents=layout.n_agents,
        n_actions=layout.n_actions,
        observation=Flat(layout.obs_dim, observation_names(record, env, layout)),
        state=Flat(layout.state_dim, state_names(record, env, layout)),
        episode_limit=layout.episode_limit,
        side_by_side=env.side_by_side,
    )
