"""What is trained: {maps} x {algorithms} x {strategies} x {seeds}, and the settings that all runs have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from fedqmix.runtime.configuration.seeds import name_of
from fedqmix.runtime.configuration.settings import compose


@dataclass(frozen=True)
class Cell:
    """One run of the comparison."""

    map: str
    algorithm: str
    strategy: str
    seed: int

    @property
    def name(self) -> str:
        """What it is called in sentences."""
        return f"{self.map} {self.algorithm} {self.strategy} seed {self.seed}"

    @property
    def place(self) -> Path:
        """Its run folder in the common one."""
        return Path(self.map) / f"{self.algorithm}-{self.strategy}-s{self.seed}"

    def words(self, overrides: Sequence[str]) -> list[str]:
        """Return its command line, all but its folder. overrides: what all runs have in common."""
        own = self.strategy == "own"
        common = [word for word in overrides if own or name_of(word) != "strategy.code"]
        mine = (f"{key}={getattr(self, key)}" for key in ("map", "algorithm", "strategy", "seed"))
        return [*common, *mine]


@dataclass(frozen=True)
class Plan:
    """What is to be trained.

    command: the command that trains it; its record in the common folder is called so. path: the common folder.
    overrides: what all runs have in common, their experiment first. lengths: the word that sets stop.env_steps, by map,
    where maps may differ in it. equal_steps: whether every run must play stop.env_steps, so that none may end earlier.
    """

    command: str
    path: Path
    maps: tuple[str, ...]
    algorithms: tuple[str, ...]
    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    overrides: tuple[str, ...]
    lengths: Mapping[str, str] = field(default_factory=dict)
    equal_steps: bool = False

    @property
    def cells(self) -> list[Cell]:
        """All runs, in the order in which they are begun: a seed of everything, then the next.

        So what is there after an interruption is a comparison too, of fewer seeds.
        """
        grid = product(self.seeds, self.maps, self.algorithms, self.strategies)
        return [Cell(map_, algorithm, strategy, seed) for seed, map_, algorithm, strategy in grid]

    def require_settings(self) -> None:
        """Check the words of all runs where none is trained. Raises ConfigurationError as `compose` does."""
        first = self.cells[0]
        length = [self.lengths[first.map]] if first.map in self.lengths else []
        compose([*first.words(self.overrides), *length])
