"""The settings of env=smac."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import choice, number, value
from fedqmix.envs.battle_options import BattleOptions


@dataclass
class SmacOptions(BattleOptions):
    """The settings of StarCraft II through SMAC."""

    games: int = number(1, doc="games in parallel, a process each")
    call_seconds: float = number(1, doc="seconds without an answer after which a game is started again")
    replay_dir: str = value(doc='folder of the game\'s replays of shown battles; "": none')
    difficulty: str = choice("1", "2", "3", "4", "5", "6", "7", "8", "9", "A", doc="of the built-in opponent")

    @property
    def side_by_side(self) -> int | None:
        """The number of games."""
        return self.games
