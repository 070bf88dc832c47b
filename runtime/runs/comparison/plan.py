"""The plan of a comparison: {maps} x {algorithms} x {strategies} x {seeds}, shared settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from fedqmix.runtime.configuration.choices import Chosen, require_used, words_of
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
        """The run's name in messages."""
        return f"{self.map} {self.algorithm} {self.strategy} seed {self.seed}"

    @property
    def place(self) -> Path:
        """The run folder, relative to the common folder."""
        return Path(self.map) / f"{self.algorithm}-{self.strategy}-s{self.seed}"

    @property
    def chosen(self) -> Chosen:
        """The run's choices of groups in which the runs of a comparison differ."""
        return (("algorithm", self.algorithm), ("strategy", self.strategy))

    def words(self, overrides: Sequence[str]) -> list[str]:
        """Return the command line without its folder.

        overrides: shared by all runs; a run leaves out the settings that its algorithm and strategy lack.
        """
        own = self.strategy == "own"
        common = [word for word in words_of(overrides, self.chosen) if own or name_of(word) != "strategy.code"]
        mine = (f"{key}={getattr(self, key)}" for key in ("map", "algorithm", "strategy", "seed"))
        return [*common, *mine]


@dataclass(frozen=True)
class Plan:
    """The runs to train, and the settings that they share.

    command: the command's name, which also names its record in the common folder. path: the common folder. overrides:
    shared by all runs, their experiment first. lengths: the override of stop.env_steps by map, where maps may differ in
    it. equal_steps: whether every run must play stop.env_steps, so that none may end earlier.
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
        """All runs in training order: one seed of every combination, then the next seed.

        So an interrupted comparison is a comparison of fewer seeds.
        """
        grid = product(self.seeds, self.maps, self.algorithms, self.strategies)
        return [Cell(map_, algorithm, strategy, seed) for seed, map_, algorithm, strategy in grid]

    def require_settings(self) -> None:
        """Check the shared settings without training. Raises ConfigurationError as `compose` does."""
        require_used(self.overrides, [cell.chosen for cell in self.cells])
        first = self.cells[0]
        length = [self.lengths[first.map]] if first.map in self.lengths else []
        compose([*first.words(self.overrides), *length])
