"""The package rware 2.0.0 beside ours: the same starts, the same draws, the same choice between equal paths.

Its dynamics, observations and rewards run unmodified. Three things are set from outside, all by assignment: where
agents begin and which shelves are requested; the generator from which it draws new requests; and the function of
networkx that chooses one of a graph's longest paths, because equally long ones have no published order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import networkx
import numpy as np
import pytest
import rware
from rware.warehouse import Direction, RewardType, Warehouse

from fedqmix.runtime.core.seeds import key

assert rware.__name__ == "rware"  # its import registers the tasks
MASK, STEP = 2**64 - 1, 0x9E3779B97F4A7C15
NEW_REQUESTS = 3  # the stream of an episode's key from which new requests are drawn
LONGEST_PATH = networkx.algorithms.dag_longest_path


class KeyedChoices:
    """The package's generator: draws from an episode's key what our kernel draws, by splitmix64 in plain integers."""

    def __init__(self, episode_key: int) -> None:
        self._state = mix(episode_key + (NEW_REQUESTS + 1) * STEP & MASK)

    def choice(self, candidates: list[Any]) -> Any:
        self._state = self._state + STEP & MASK
        return candidates[int((mix(self._state) >> 11) / 2**53 * len(candidates))]


def mix(bits: int) -> int:
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB & MASK
    return bits ^ (bits >> 31)


class PackageWarehouse:
    """An episode of the package's warehouse that begins as a state of ours says."""

    def __init__(self, task: str, agents: int | None = None, **changes: Any) -> None:
        """agents: another number than the task's. changes: of the package's settings."""
        settings = dict(gymnasium.spec(task).kwargs) | changes
        if agents is not None:
            settings |= {"n_agents": agents, "request_queue_size": agents // 2}
        self.env = Warehouse(**settings)

    def begin(self, state: dict[str, float], seed: int, purpose: str, episode: int) -> tuple[np.ndarray, ...]:
        """Begin as a state says; return the observations. state: its numbers by name."""
        env = self.env
        env.reset(seed=0)
        width, height = env.grid_size[1] - 1, env.grid_size[0] - 1

        def place(of: str) -> tuple[int, int]:
            return round(state[f"{of}_x"] * width), round(state[f"{of}_y"] * height)

        for number, agent in enumerate(env.agents):
            agent.x, agent.y = place(f"agent_{number}")
            turned = [name for name in ("up", "down", "left", "right") if state[f"agent_{number}_{name}"]]
            agent.dir = Direction[turned[0].upper()]
        shelves = {(shelf.x, shelf.y): shelf for shelf in env.shelfs}
        env.request_queue = [shelves[place(f"request_{number}")] for number in range(env.request_queue_size)]
        env._recalc_grid()
        env.np_random = KeyedChoices(key(seed, purpose, episode))
        return tuple(env._make_obs(agent) for agent in env.agents)

    def state(self, names: tuple[str, ...]) -> np.ndarray:
        """Return the short state, computed from the package's objects."""
        env, found = self.env, {}
        shares = np.array([env.grid_size[1] - 1, env.grid_size[0] - 1])
        for number, agent in enumerate(env.agents):
            own = f"agent_{number}"
            found[f"{own}_x"], found[f"{own}_y"] = np.array([agent.x, agent.y]) / shares
            found[f"{own}_carrying"] = agent.carrying_shelf is not None
            found[f"{own}_delivered"] = agent.has_delivered
            found |= {f"{own}_{each.name.lower()}": agent.dir == each for each in Direction}
        for number, shelf in enumerate(env.request_queue):
            found[f"request_{number}_x"], found[f"request_{number}_y"] = np.array([shelf.x, shelf.y]) / shares
        empty = np.argwhere((env.highways == 0) & (env.grid[1] == 0))
        for number, (y, x) in enumerate(empty):
            found[f"empty_{number}"] = 1
            found[f"empty_{number}_x"], found[f"empty_{number}_y"] = np.array([x, y]) / shares
        return np.array([found.get(name, 0) for name in names], np.float32)


class Ties:
    """The choice between equally long paths: counts the graphs with several, and those where the package's differs."""

    def __init__(self) -> None:
        self.graphs = self.several = self.others = 0

    @contextmanager
    def chosen_as_ours(self, package: PackageWarehouse) -> Iterator[None]:
        """Let the package take the path that goes on, seen from its end, with the agent of the lowest number."""

        def longest(graph: networkx.DiGraph) -> list[tuple[int, int]]:
            agents = package.env.grid[0]
            paths = paths_into(graph, next(cell for cell, degree in graph.out_degree() if degree == 0))
            most = max(map(len, paths))
            equal = [path for path in paths if len(path) == most]
            chosen = min(equal, key=lambda path: [int(agents[y, x]) for x, y in reversed(path[:-1])])
            own = LONGEST_PATH(graph)
            assert len(own) == most
            assert own in equal
            self.graphs += 1
            self.several += len(equal) > 1
            self.others += own != chosen
            return chosen

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(networkx.algorithms, "dag_longest_path", longest)
            yield


def paths_into(graph: networkx.DiGraph, end: tuple[int, int]) -> list[list[tuple[int, int]]]:
    """Return all paths of cells that begin where no other leads to and end in a cell."""
    longer = [[*path, end] for before in graph.predecessors(end) for path in paths_into(graph, before)]
    return longer or [[end]]


REWARDS = {"individual": RewardType.INDIVIDUAL, "global": RewardType.GLOBAL, "two_stage": RewardType.TWO_STAGE}
