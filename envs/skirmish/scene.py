"""The constants of a map's battles, as the compiled code reads them."""

from __future__ import annotations

from typing import NamedTuple

from fedqmix.envs.maps import EnemyOrder, MapRecord
from fedqmix.envs.skirmish.arrays import Records
from fedqmix.envs.skirmish.rules import Rules, make_rules
from fedqmix.envs.skirmish.teams import make_catalogue
from fedqmix.envs.skirmish.terrain import Terrain, make_terrain
from fedqmix.runtime.core.world import Floats64


class Scene(NamedTuple):
    """A map's number of agents, kinds of units, terrain and rules."""

    n_agents: int
    hunting: bool  # the enemies' order is to attack the agents wherever they are
    kinds: Records  # [kinds]
    damage: Floats64  # [kinds, kinds] see teams.Catalogue
    reach: Floats64  # [kinds, kinds]
    widest: float  # the largest separation radius of all
    terrain: Terrain
    rules: Rules


def make_scene(record: MapRecord) -> Scene:
    """Build the scene of a map."""
    kinds, damage, reach = make_catalogue()
    hunting = record.order is EnemyOrder.ATTACK_AGENTS
    widest = float(kinds["separation_radius"].max())
    return Scene(record.n_agents, hunting, kinds, damage, reach, widest, make_terrain(record), make_rules())
