"""The sizes of SMAC's maps and SMACv2's scenarios, the same in every world that plays them."""

from __future__ import annotations

from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.entity_tables import observation_table, state_table
from fedqmix.envs.skirmish.entry_names import observation_names, state_names
from fedqmix.envs.skirmish.layout import make_layout
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import TeamSpec

USUAL = {"reflect": 0.5, "prob_obs_enemy": 1.0, "action_mask": True, "conic_fov": False, "quirk": False}
"""The values of the switches on SMAC's maps, which have none of them, and their defaults."""


def spec_of(record: MapRecord, env: BattleOptions) -> TeamSpec:
    """Return the sizes of a map's teams, observations and states, and their tables of entities.

    Raises ConfigurationError for settings that the map does not have (check_smacv2).
    """
    check_smacv2(record, env)
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


def check_smacv2(record: MapRecord, env: BattleOptions) -> None:
    """Check that a map and the settings belong together.

    Raises ConfigurationError for a switch of SMACv2 on another map, and for env.randomise where teams are drawn.
    """
    if record.smacv2:
        randomise = getattr(env, "randomise", "nothing")
        if randomise != "nothing":
            raise ConfigurationError(
                f"env.randomise={randomise} belongs to SMAC's maps: map={record.name} is a scenario of SMACv2, which "
                "draws types and positions by itself. Leave env.randomise=nothing."
            )
        return
    randomise = getattr(env, "randomise", "nothing")
    if record.random_teams and randomise != "nothing":
        raise ConfigurationError(
            f"env.randomise={randomise} belongs to SMAC's maps: map={record.name} draws teams and positions by itself. "
            "Leave env.randomise=nothing."
        )
    for name, usual in USUAL.items():
        if getattr(env, name, usual) != usual:
            raise ConfigurationError(
                f"env.{name}={str(getattr(env, name)).lower()} belongs to SMACv2's scenarios, and map={record.name} is "
                f"none: leave env.{name}={str(usual).lower()}, or choose a scenario: map=protoss_5_vs_5."
            )
