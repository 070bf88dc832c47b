"""An agent process of `fedqmix bench coupling` that sleeps where its network would compute."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from fedqmix.algorithms.q_learning.agent import QLearningAgent
from fedqmix.clients import acting, learning
from fedqmix.clients.agent_rows import AgentRows
from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.envs import team_spec
from fedqmix.networks.gru_kernels.acting import Choices
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.episodes import SampledEpisodes
from fedqmix.runtime.core.world import TimeStep
from fedqmix.runtime.runs.lifecycle.sides import AgentSide
from fedqmix.runtime.transport.identity import Identity
from fedqmix.runtime.transport.local_socket import local_path
from fedqmix.runtime.transport.mixer_remote import RemoteMixer
from fedqmix.runtime.transport.security import channel
from fedqmix.runtime.transport.world_remote import RemoteWorld


class Timed:
    """A wrapper that counts and times calls of an object's methods. calls, seconds: by method."""

    def __init__(self, of: Any, methods: Sequence[str]) -> None:
        self.calls: dict[str, int] = dict.fromkeys(methods, 0)
        self.seconds: dict[str, float] = dict.fromkeys(methods, 0.0)
        for name in methods:
            setattr(of, name, self._timed(name, getattr(of, name)))

    def _timed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            began = time.perf_counter()
            answer = method(*arguments)
            self.seconds[name] += time.perf_counter() - began
            self.calls[name] += 1
            return answer

        return call


class Sleep:
    """A sleep in place of computing, whose seconds are summed."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, seconds: float) -> None:
        """Sleep and add the elapsed seconds."""
        began = time.perf_counter()
        time.sleep(seconds)
        self.seconds += time.perf_counter() - began


def main(agent: int, certs: str, world: str, mixer: str, train_ms: float, act_ms: float, steps: int, run: str) -> None:
    """Run a short first round, print "ready", wait for a line; measure a round, print JSON.

    train_ms: sleep per training step. act_ms: sleep per environment step. steps: training steps of the measured round.
    run: folder with config.yaml.
    """
    config, sleep = load(Path(run)), Sleep()
    torch.set_num_threads(1)
    spec, identity = team_spec(config.map, config.env), Identity(Path(certs))
    side = AgentSide(config, spec, [agent])

    def choose(self: acting.Actor, time_step: TimeStep, time: int) -> Choices:
        sleep(act_ms / 1000)
        actions = acting.random_available(time_step.available_actions, self.action_draws[:, time])
        return Choices(np.zeros(time_step.available_actions.shape, np.float32), actions, actions < 0)

    def agent_rows(agents: Any, episodes: SampledEpisodes) -> AgentRows:
        sleep(train_ms / 1000)
        q = torch.zeros(1, episodes.timeline.transitions)
        return AgentRows({"q_taken": q.clone().requires_grad_(), "q_next": q})

    with (
        ExitStack() as stack,
        closing(channel(identity, world, "world", local_path(Path(run), "world"))) as to_world,
        closing(channel(identity, mixer, "mixer", local_path(Path(run), "mixer"))) as to_mixer,
        patch.object(acting.Actor, "choose", choose),
        patch.object(learning, "agent_rows", agent_rows),
    ):
        for round_, planned in ((1, 1), (2, steps)):
            attempt = Attempt("benchmark", round_, round_)
            far_world = stack.enter_context(closing(RemoteWorld(to_world, agent, attempt, spec)))
            far_mixer = stack.enter_context(closing(RemoteMixer(to_mixer, agent, attempt, QLearningAgent.rows)))
            timed = [Timed(far_world, ("begin", "step")), Timed(far_mixer, ("exchange", "clip"))]
            sleep.seconds, began = 0.0, time.perf_counter()
            train_round(side.agents, far_world, far_mixer, RoundPlan(planned, sys.maxsize, False))
            far_mixer.finish()
            seconds = time.perf_counter() - began
            if round_ == 1:
                print("ready", flush=True)
                sys.stdin.readline()
    calls = {name: count for one in timed for name, count in one.calls.items()}
    per_call = {name: 1000 * s / max(calls[name], 1) for one in timed for name, s in one.seconds.items()}
    waited = far_world.waited + far_mixer.waited
    figures = {"seconds": seconds, "slept": sleep.seconds, "waited": waited, "calls": calls, "call_ms": per_call}
    print(json.dumps(figures))


if __name__ == "__main__":
    number, certificates, *places, train, act, count, folder = sys.argv[1:]
    main(int(number), certificates, places[0], places[1], float(train), float(act), int(count), folder)
