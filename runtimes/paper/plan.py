"""What is compared: {maps} x {algorithms} x {strategies} x {seeds}, from the words of `fedqmix paper`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from contracts.errors import ConfigurationError
from runtimes.configuration.names import groups, unknown
from runtimes.configuration.overrides import parse_one
from runtimes.configuration.seeds import SEEDS, name_of, take_seeds

ALGORITHMS = ("qmix", "vdn")
STRATEGIES = ("none", "full_sharing", "a_pps", "rs_pps", "pp_pps")
SCALES = {
    "laptop": (("3m", "2s3z"), (1, 2, 3, 4, 5)),
    "paper": (("3m", "2s3z", "10m_vs_11m", "MMM2", "corridor"), (1, 2, 3, 4, 5)),
    "smoke": (("3m",), (1, 2)),
}
"""The maps and seeds of each scale; its settings are the experiment of the same name (conf/experiment/)."""
_INSTEAD = {
    "map": "maps=[3m,2s3z]",
    "algorithm": "algorithms=[qmix]",
    "strategy": "strategies=[none,rs_pps]",
    "seed": "seeds=[1,2,3]",
    "experiment": "scale=laptop",
}


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
    """What is to be compared.

    path: the common folder. overrides: what all runs have in common, their experiment first.
    """

    scale: str
    path: Path
    maps: tuple[str, ...]
    algorithms: tuple[str, ...]
    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    overrides: tuple[str, ...]

    @property
    def cells(self) -> list[Cell]:
        """All runs, in the order in which they are begun: a seed of everything, then the next.

        So what is there after an interruption is a comparison too, of fewer seeds.
        """
        grid = product(self.seeds, self.maps, self.algorithms, self.strategies)
        return [Cell(map_, algorithm, strategy, seed) for seed, map_, algorithm, strategy in grid]


def read_plan(words: Sequence[str]) -> Plan:
    """Return what the words of `fedqmix paper` ask for.

    Raises ConfigurationError for words that make no sense here; what the overrides make of a run's settings is not
    looked at.
    """
    _refuse_what_differs(words)
    scale, rest = _take(words, "scale")
    scale = "laptop" if scale is None else scale
    if scale not in SCALES:
        raise ConfigurationError(unknown("scale", str(scale), tuple(SCALES)))
    all_maps, all_seeds = SCALES[scale]
    maps, rest = _take_names(rest, "maps", all_maps)
    algorithms, rest = _take_names(rest, "algorithms", ALGORITHMS, groups()["algorithm"])
    strategies, rest = _take_names(rest, "strategies", STRATEGIES, groups()["strategy"])
    run_dir, rest = _take(rest, "run_dir")
    seeds, rest = take_seeds(rest)
    for word in rest:
        if parse_one(word).is_sweep_override():
            raise ConfigurationError(
                f"'{word}' names several values: what is compared has equal settings. Call `fedqmix paper` for each "
                "value, with a run_dir of its own, or quote the value if it is one."
            )
    return Plan(
        scale=scale,
        path=Path(f"runs/paper-{scale}" if run_dir is None else run_dir),
        maps=maps,
        algorithms=algorithms,
        strategies=strategies,
        seeds=tuple(seeds or all_seeds),
        overrides=(f"experiment={scale}", *rest),
    )


def _refuse_what_differs(words: Sequence[str]) -> None:
    """Refuse what cannot be said of all runs at once."""
    for word in words:
        name = name_of(word)
        if name in _INSTEAD:
            raise ConfigurationError(f"'{word}': fedqmix paper compares many runs; write {_INSTEAD[name]}.")
        if name == "resume":
            raise ConfigurationError(f"'{word}': fedqmix paper goes on by itself, when called again as it was begun.")
        if name in ("-m", "--multirun"):
            raise ConfigurationError(f"'{word}': fedqmix paper runs many settings already; leave it out.")


def _take(words: Sequence[str], key: str) -> tuple[str | None, list[str]]:
    """Return a word's value as text, None when it is not among the words, and the other words."""
    value, rest = _take_value(words, key)
    if value is None:
        return None, rest
    if isinstance(value, list | dict) or "${" in str(value):
        raise ConfigurationError(f"'{key}={value}': one plain word is needed.")
    return str(value), rest


def _take_names(
    words: Sequence[str], key: str, default: Sequence[str], allowed: Sequence[str] | None = None
) -> tuple[tuple[str, ...], list[str]]:
    """Return a list of different names, and the other words."""
    value, rest = _take_value(words, key)
    if value is None:
        return tuple(default), rest
    example = f"{key}=[{','.join(default[:2])}]"
    if not isinstance(value, list) or not value:
        raise ConfigurationError(f"'{key}={value}': a list is needed: {example} (some shells want it quoted).")
    names = tuple(str(one) for one in value)
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{key}=... names {name} twice.")
        if allowed is not None and name not in allowed:
            raise ConfigurationError(unknown(f"name in {key}", name, allowed))
    return names, rest


def _take_value(words: Sequence[str], key: str) -> tuple[object, list[str]]:
    given = [word for word in words if name_of(word) == key and word.partition("=")[1]]
    rest = [word for word in words if word not in given]
    if len(given) > 1:
        raise ConfigurationError(f"'{' '.join(given)}': {key}= is needed once.")
    if not given:
        return None, rest
    override = parse_one(given[0])
    if override.is_sweep_override():
        raise ConfigurationError(f"'{given[0]}' names several values: a list has brackets, such as {SEEDS}=[1,2,3].")
    value: object = override.value()
    if value is None:
        raise ConfigurationError(f"'{given[0]}': a value is needed.")
    return value, rest
