"""The plan of a comparison: {tasks} x {methods} x {seeds}, shared settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from fedqmix.conf.registry import CHOICES, OWN
from fedqmix.runtime.configuration.choices import Chosen, require_used, words_of
from fedqmix.runtime.configuration.seeds import name_of
from fedqmix.runtime.configuration.settings import compose


@dataclass(frozen=True)
class Task:
    """What runs learn. name: for folders and tables. words: the settings of the world, such as "map=3m"."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Method:
    """How runs learn. names: for folders and tables, an algorithm and a strategy or one name. words: the settings."""

    names: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One run of the comparison."""

    task: Task
    method: Method
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the task and the method, for the columns of `Plan.heads`."""
        return (self.task.name, *self.method.names)

    @property
    def name(self) -> str:
        """The run's name in messages."""
        return f"{' '.join(self.names)} seed {self.seed}"

    @property
    def place(self) -> Path:
        """The run folder, relative to the common folder."""
        return Path(self.task.name) / f"{'-'.join(self.method.names)}-s{self.seed}"

    @property
    def chosen(self) -> Chosen:
        """The run's choices of groups in which the runs of a comparison differ."""
        named = (word.partition("=") for word in (*self.task.words, *self.method.words))
        return tuple((group, choice) for group, _, choice in named if group in CHOICES)

    def words(self, overrides: Sequence[str]) -> list[str]:
        """Return the command line without its folder.

        overrides: shared by all runs; a run leaves out the settings that its world, algorithm and strategy lack.
        """
        own = ("strategy", OWN) in self.chosen
        common = [word for word in words_of(overrides, self.chosen) if own or name_of(word) != "strategy.code"]
        return [*common, *self.task.words, *self.method.words, f"seed={self.seed}"]


@dataclass(frozen=True)
class Plan:
    """The runs to train, and the settings that they share.

    command: the command's name, which also names its record in the common folder. path: the common folder. overrides:
    shared by all runs, their experiment first. lengths: the override of stop.env_steps by task, where tasks may differ
    in it. equal_steps: whether every run must play stop.env_steps, so that none may end earlier. heads: the columns of
    a run's names in tables. named: whether reports call runs by the names of their task and method, which the record
    holds; otherwise by map, algorithm and strategy.
    """

    command: str
    path: Path
    tasks: tuple[Task, ...]
    methods: tuple[Method, ...]
    seeds: tuple[int, ...]
    overrides: tuple[str, ...]
    lengths: Mapping[str, str] = field(default_factory=dict)
    equal_steps: bool = False
    heads: tuple[str, ...] = ("map", "algorithm", "strategy")
    named: bool = False

    @property
    def cells(self) -> list[Cell]:
        """All runs in training order: one seed of every combination, then the next seed.

        So an interrupted comparison is a comparison of fewer seeds.
        """
        return [Cell(task, method, seed) for seed, task, method in product(self.seeds, self.tasks, self.methods)]

    def require_settings(self) -> None:
        """Check the shared settings without training. Raises ConfigurationError as `compose` does."""
        require_used(self.overrides, [cell.chosen for cell in self.cells])
        first = self.cells[0]
        length = [self.lengths[first.task.name]] if first.task.name in self.lengths else []
        compose([*first.words(self.overrides), *length])


def tasks_of(maps: Iterable[str]) -> tuple[Task, ...]:
    """Return a task for each map, under the map's name."""
    return tuple(Task(map_, (f"map={map_}",)) for map_ in maps)


def methods_of(algorithms: Iterable[str], strategies: Iterable[str]) -> tuple[Method, ...]:
    """Return the methods {algorithms} x {strategies}."""
    return tuple(
        Method((algorithm, strategy), (f"algorithm={algorithm}", f"strategy={strategy}"))
        for algorithm, strategy in product(algorithms, strategies)
    )
