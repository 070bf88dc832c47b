"""The constants of a map's battles, as the compiled code reads them."""

from __future__ import annotations

from typing import NamedTuple

from fedqmix.envs.maps import EnemyOrder, MapRecord
from fedqmix.envs.skirmish.arrays import Records
from fedqmix.envs.skirmish.rules import Rules, make_rules
from fedqmix.envs.skirmish.smacv2.vision import SMAC_VISION, Vision
from fedqmix.envs.skirmish.teams import make_catalogue
from fedqmix.envs.skirmish.terrain import Terrain, make_terrain
from fedqmix.runtime.core.world import Floats64


class Scene(NamedTuple):
    """A map's number of agents, kinds of units, terrain and rules."""

    n_agents: int
    hunting: bool  # the enemies' order is to attack the agents wherever they are
    ordering: bool  # at every environment step enemies without an order are sent to the nearest agent
    kinds: Records  # [kinds]
    damage: Floats64  # [kinds, kinds] see teams.Catalogue
    reach: Floats64  # [kinds, kinds]
    widest: float  # the largest separation radius of all
    terrain: Terrain
    rules: Rules
    vision: Vision


def make_scene(record: MapRecord, vision: Vision = SMAC_VISION) -> Scene:
    """Build the scene of a map. vision: what agents see and reach."""
    kinds, damage, reach = make_catalogue()
    hunting, ordering = record.order is EnemyOrder.ATTACK_AGENTS, record.order is EnemyOrder.ATTACK_NEAREST
    widest = float(kinds["separation_radius"].max())
    terrain, rules = make_terrain(record), make_rules()
    return Scene(record.n_agents, hunting, ordering, kinds, damage, reach, widest, terrain, rules, vision)
