"""An agent in a process of its own: its state in each run, and its replies to the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import grpc
from flwr.app import ConfigRecord, Message, MessageType

from fedqmix.algorithms import find_algorithm
from fedqmix.clients.answers import answer
from fedqmix.conf.schema import Config
from fedqmix.envs import team_spec
from fedqmix.runtime.configuration.allowed import NOTHING, Allowed
from fedqmix.runtime.configuration.received import received, run_state
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.core.rows import Rows
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.runtime.runs.lifecycle.sides import AgentSide
from fedqmix.runtime.runs.lifecycle.threads import share_out
from fedqmix.runtime.storage.rounds import Rounds
from fedqmix.runtime.transport.mixer_remote import RemoteMixer
from fedqmix.runtime.transport.world_remote import RemoteWorld

BEFORE = "env steps before policy questions"
"""A fact saved with a round: policy question -> the agent's env_steps when it was first asked."""


@dataclass
class _Run:
    """The run that an agent takes part in."""

    run_id: str
    text: str  # its settings, YAML
    config: Config
    spec: TeamSpec
    rows: Rows  # that its algorithm declares
    rounds: Rounds[AgentSide]


class DeployedAgent:
    """One agent of a federation; its networks, optimiser and episodes are also saved to disk.

    agent: which one. world, mixer: ways to the services. state: a private folder; each run has one of its own in it.
    allowed: the code that runs may name.
    """

    def __init__(
        self, agent: int, world: grpc.Channel, mixer: grpc.Channel, state: Path, allowed: Allowed = NOTHING
    ) -> None:
        self.agent, self._allowed = agent, allowed
        self._world, self._mixer, self._state = world, mixer, state
        self._run: _Run | None = None

    def answer(self, question: Message) -> Message:
        """Answer one message of the server (see clients.answers).

        Training starts from the state after the previous round, whatever was attempted since. The new state is saved
        before the reply. Raises AttemptError when the attempt cannot be finished, and any error of training.
        """
        began = time.perf_counter()
        plan = question.content.config_records[m.PLAN]
        run = self._join_run(str(plan[m.RUN]), str(plan[m.CONFIG]))
        attempt = Attempt(run.run_id, _whole(plan, m.ROUND), _whole(plan, m.ATTEMPT))
        patience = float(cast(float, plan[m.PATIENCE]))
        with (
            closing(RemoteWorld(self._world, self.agent, attempt, run.spec, patience)) as world,
            closing(RemoteMixer(self._mixer, self.agent, attempt, run.rows, patience)) as mixer,
        ):
            reply = self._reply(question, run, attempt, world, mixer)
        if question.metadata.message_type != m.JOIN:
            metrics = reply.content.metric_records[m.METRICS]
            metrics[m.BUSY_S], metrics[m.WAITED_S] = time.perf_counter() - began, world.waited + mixer.waited
        return reply

    def _reply(self, question: Message, run: _Run, attempt: Attempt, world: RemoteWorld, mixer: RemoteMixer) -> Message:
        kind, plan = question.metadata.message_type, question.content.config_records[m.PLAN]

        def ask(side: AgentSide) -> Message:
            return answer(side.agents, world, mixer, [question])[0]

        if kind == m.JOIN:
            return ask(run.rounds.thing)
        if kind == MessageType.TRAIN:
            reply = ask(run.rounds.change(attempt.round - 1))
            mixer.finish()
            run.rounds.commit(attempt.round)
            return reply
        if kind == m.POLICY:
            return _policy(run.rounds, attempt.round, str(_whole(plan, m.INDEX)), ask)
        return ask(run.rounds.after(attempt.round))

    def _join_run(self, run_id: str, text: str) -> _Run:
        """Load the run unless it is in memory. Raises RefusedError when its team is too small."""
        if self._run is not None and (self._run.run_id, self._run.text) == (run_id, text):
            return self._run
        self._run = None  # release the memory of the previous run first
        config = received(text, "agent", self._allowed)
        spec = team_spec(config.map, config.env)
        if self.agent >= spec.n_agents:
            raise RefusedError(f"map {config.map} has agents 0 to {spec.n_agents - 1}; this is agent {self.agent}.")
        share_out(config.runtime)
        state, owner = run_state(self._state, run_id), f"agent {self.agent}"
        rounds = Rounds(state, run_id, lambda: AgentSide(config, spec, [self.agent]), owner)
        rows = find_algorithm(config.algorithm).sized_rows(spec, config.algorithm)
        self._run = _Run(run_id, text, config, spec, rows, rounds)
        return self._run


def _policy(rounds: Rounds[AgentSide], round_: int, question: str, ask: Callable[[AgentSide], Message]) -> Message:
    """Answer a policy question; count its environment steps once, even if it is asked again."""
    side = rounds.change(round_)
    before: dict[str, int] = dict(rounds.facts.get(BEFORE, {}))
    side.agents.env_steps = before.setdefault(question, side.agents.env_steps)
    reply = ask(side)
    rounds.commit(round_, {BEFORE: before})
    return reply


def _whole(plan: ConfigRecord, name: str) -> int:
    value = plan.get(name, 0)
    if not isinstance(value, int):
        raise RefusedError(f"the plan's {name} must be a whole number, got {value!r}")
    return value
