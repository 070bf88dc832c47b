"""Agents that each live in a thread of their own meet in one world and one mixer, as separate processes would."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch

from fedqmix.runtime.core.coordinator import Coordinator
from fedqmix.runtime.core.world import EpisodeBatch, Integers, TeamSpec, TimeStep, UnitRecord, World


class Barrier:
    """Everybody brings a value; one computes with all of them, in the order of the parties; everybody gets the result.

    A party that gives up breaks the meeting for all (threading.BrokenBarrierError).
    """

    def __init__(self, parties: int) -> None:
        self._brought: list[Any] = [None] * parties
        self._barrier = threading.Barrier(parties, timeout=30)

    def meet(self, party: int, value: Any, together: Callable[[list[Any]], Any]) -> Any:
        self._brought[party] = value
        try:
            if self._barrier.wait() == 0:
                self._result = together(self._brought)
            self._barrier.wait()
            result = self._result
            self._barrier.wait()  # nobody brings the next value before all have this result
        except BaseException:
            self._barrier.abort()
            raise
        return result


class OneAgentsWorld:
    """What agent `agent` sees of a world that the whole team plays in."""

    def __init__(self, world: World, meeting: Barrier, agent: int) -> None:
        self._world, self._meeting, self._agent = world, meeting, agent

    @property
    def spec(self) -> TeamSpec:
        return self._world.spec

    def begin(self, batch: EpisodeBatch) -> TimeStep:
        def together(batches: list[EpisodeBatch]) -> TimeStep:
            assert all(one == batch for one in batches)
            return self._world.begin(batch)

        return self._own(self._meeting.meet(self._agent, batch, together))

    def step(self, actions: Integers) -> TimeStep:
        return self._own(self._meeting.meet(self._agent, torch.from_numpy(actions), self._all_step))

    def snapshot(self, episode: int) -> list[UnitRecord]:
        return self._world.snapshot(episode)

    def close(self) -> None:
        pass

    def _all_step(self, actions: list[torch.Tensor]) -> TimeStep:
        return self._world.step(torch.cat(actions).numpy())

    def _own(self, time_step: TimeStep) -> TimeStep:
        rows = slice(self._agent, self._agent + 1)
        return time_step._replace(
            observations=time_step.observations[rows],
            available_actions=time_step.available_actions[rows],
            individual_rewards=time_step.individual_rewards[rows],
            exists=time_step.exists[rows],
        )


class OneAgentsMixer:
    """The mixer as one agent of the team reaches it."""

    def __init__(self, mixer: Coordinator, meeting: Barrier, agent: int) -> None:
        self._mixer, self._meeting, self._agent = mixer, meeting, agent

    def exchange(self, rows: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        def together(given: list[Mapping[str, torch.Tensor]]) -> Mapping[str, torch.Tensor]:
            return self._mixer.exchange({name: torch.cat([one[name] for one in given]) for name in rows})

        gradients = self._meeting.meet(self._agent, rows, together)
        return {name: self._own(gradient) for name, gradient in gradients.items()}

    def pool(self, gradients: torch.Tensor) -> torch.Tensor:
        return self._own(
            self._meeting.meet(self._agent, gradients.clone(), lambda all_: self._mixer.pool(torch.cat(all_)))
        )

    def clip(self, squared_norms: torch.Tensor) -> float:
        return self._meeting.meet(self._agent, squared_norms, lambda all_: self._mixer.clip(torch.cat(all_)))

    def _own(self, rows: torch.Tensor) -> torch.Tensor:
        return rows[self._agent : self._agent + 1].clone()
