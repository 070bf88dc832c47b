"""What the suites of users' own worlds have in common (env=pettingzoo, env=own)."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

from fedqmix.conf.kinds import kind, within
from fedqmix.conf.schema import EnvConfig, EvaluationConfig
from fedqmix.envs.code_options import CodeOptions
from fedqmix.envs.registry import find_suite
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import Score, TeamSpec


class Sizes(NamedTuple):
    """The sizes of a world, as its code has them."""

    n_agents: int
    n_actions: int
    obs_dim: int
    state_dim: int
    episode_limit: int | None  # None: the code names none


class CodeSuite(ABC):
    """A suite whose task is a user's code; `map` is any name for it (an envs.suite.Suite but for `make`)."""

    replayable = False
    open_names = True

    def tasks(self) -> Sequence[str]:
        """Return no names: any is allowed."""
        return ()

    @abstractmethod
    def measure(self, options: CodeOptions) -> Sizes:
        """Return the sizes that the code has; this runs the code. Raises ConfigurationError for code that fails."""

    def spec(self, task: str, options: EnvConfig) -> TeamSpec:
        """Return the sizes that the settings hold; no code runs. Raises ConfigurationError when one is missing."""
        assert isinstance(options, CodeOptions)
        if not re.fullmatch(r"[\w.-]+", task, re.ASCII):
            raise ConfigurationError(f"map='{task}' is not a valid name: use letters, digits, '_', '-' and '.'.")
        found = _sizes_of(options)
        missing = [name for name, size in found.items() if size is None]
        if missing:
            _require_code(options)
        if missing == ["episode_limit"]:
            raise ConfigurationError(
                f"env.code={options.code} names no episode limit: write env.episode_limit=... (environment steps)."
            )
        if missing:
            raise ConfigurationError(
                f"env.{missing[0]} has no value: sizes are read from env.code where a run is composed, or written."
            )
        return TeamSpec(
            task,
            found["n_agents"] or 0,
            found["n_actions"] or 0,
            Flat(found["obs_dim"] or 0),
            Flat(found["state_dim"] or 0),
            found["episode_limit"] or 0,
            score=Score(options.score),
        )

    def require(self, task: str, options: EnvConfig) -> None:
        """Check that the code is there and has the sizes of the settings. Raises ConfigurationError."""
        assert isinstance(options, CodeOptions)
        self.spec(task, options)
        _require_code(options)
        actual = self.measure(options)._asdict()
        for name, size in _sizes_of(options).items():
            if name != "episode_limit" and size != actual[name]:
                raise ConfigurationError(
                    f"env.{name}={size}, but env.code={options.code} has {actual[name]}: leave env.{name} out, or use "
                    "the code that the run was begun with."
                )

    def check(self, options: EnvConfig, evaluation: EvaluationConfig) -> None:
        """Check that evaluations ask for no positions of a map. Raises ConfigurationError."""
        if evaluation.starts != "varied":
            raise ConfigurationError(
                f"evaluation.starts={evaluation.starts} is for maps with fixed positions; with env={options.name} "
                "every episode is drawn anew: leave it out."
            )

    def agent_types(self, task: str, options: EnvConfig) -> list[str]:
        """Raise ConfigurationError: the agents' types are unknown."""
        raise ConfigurationError(
            f"env={options.name} does not know the types of its agents: write strategy.clusters=[[0,1],...] with the "
            "agents of each cluster."
        )


def measured(options: EnvConfig) -> EnvConfig:
    """Return settings with the sizes of a user's world, which are read from its code; this runs the code.

    Other suites' settings, complete ones, and settings without code are returned as they are.
    Raises ConfigurationError for code that fails.
    """
    if not isinstance(options, CodeOptions) or options.code is None:
        return options
    given = _sizes_of(options)
    if None not in given.values():
        return options
    suite = find_suite(options.name)
    assert isinstance(suite, CodeSuite)
    found = suite.measure(options)._asdict()
    sizes: dict[str, Any] = {name: found[name] if size is None else size for name, size in given.items()}
    for one in fields(options):
        if one.name in sizes and sizes[one.name] is not None and not within(sizes[one.name], one.metadata):
            raise ConfigurationError(
                f"env.code={options.code}: its {one.name} is {sizes[one.name]}; needed: {kind(int, one.metadata)}."
            )
    return replace(options, **sizes)


def _require_code(options: CodeOptions) -> None:
    if options.code is None:
        raise ConfigurationError(
            f"env={options.name} plays a world of your own: write env.code=FILE.py:NAME or env.code=module:NAME "
            "(docs/own_worlds.md). In Python, fedqmix.load(..., allow_code=True) takes the one that a run names."
        )


def _sizes_of(options: CodeOptions) -> dict[str, int | None]:
    return {name: getattr(options, name) for name in Sizes._fields}
