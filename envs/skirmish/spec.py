"""The sizes of SMAC's maps, the same in every world that plays them."""

from __future__ import annotations

from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.entity_tables import observation_table, state_table
from fedqmix.envs.skirmish.entry_names import observation_names, state_names
from fedqmix.envs.skirmish.layout import make_layout
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import TeamSpec


def spec_of(record: MapRecord, env: BattleOptions) -> TeamSpec:
    """Return the sizes of a map's teams, observations and states, and their tables of entities."""
    layout = make_layout(record, env)
    seen, state = observation_names(record, env, layout), state_names(record, env, layout)
    return TeamSpec(
        map=record.name,
        n_agents=layout.n_agents,
        n_actions=layout.n_actions,
        observation=Flat(layout.obs_dim, seen, observation_table(seen, layout)),
        state=Flat(layout.state_dim, state, state_table(state, layout)),
        episode_limit=layout.episode_limit,
        side_by_side=env.side_by_side,
    )
