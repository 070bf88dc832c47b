"""A Flower Grid with rounds as transactions: all agents answer one attempt, or it is repeated.

1. Take the next attempt number; open the attempt at world and mixer, which ends all waiting in the previous one.
2. Push one question per agent, with the attempt in its plan.
3. Poll: accept each agent's answer once; push a question again when it or its answer was lost.
4. An agent reports a broken attempt: pause, then begin at 1. An agent reports an error that ends the run: raise it.
5. The agents that all others wait for give no sign for longer than the patience: raise FederationError, naming them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from flwr.app import ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.agent_services import TOLD, AgentServices
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.controls import Controls
from fedqmix.runtime.core.errors import AttemptError, FederationError
from fedqmix.runtime.core.pauses import GrowingPause
from fedqmix.server.exchange import Bytes, Exchange
from fedqmix.server.roster import Clock, Roster
from fedqmix.server.signs import Signs

POLL_S = 0.3
"""Seconds between two checks of the nodes online while agents are missing."""
LOOK_S = 1.0
"""Seconds between two checks of the nodes online and of the agents' progress."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
BROKEN_IN_A_ROW = 25


class FederationGrid(Grid):
    """A Grid around the Grid of a ServerApp, with attempts and a roster of agents.

    n_agents: the number of agents. run: the run's id. controls: world and mixer. next_attempt: returns a number higher
    than all before in this run's life; the caller stores it. config_yaml: the run's settings, for the agents.
    patience_s: seconds that an agent may give no sign. on_event: called with messages for the user ("round 5 is
    attempted again ..."). agent_services: the agents' addresses, for nodes that Flower simulates.
    nodes: node id -> the agent that its certificate names; None: nodes are not authenticated.
    bytes: bytes sent by (round, agent, "flower"): [up, down]; round 0 is joining.
    times: seconds for the newest answers of each kind. "fed/train_s": from question to answers. "fed/train_busy_s":
    the slowest agent's work. "fed/train_waited_s": the part of this work in which it waits for world and mixer.
    """

    def __init__(
        self,
        inner: Grid,
        n_agents: int,
        run: str,
        controls: Controls,
        next_attempt: Callable[[], int],
        config_yaml: str,
        patience_s: float,
        on_event: Callable[[str], None],
        agent_services: AgentServices = TOLD,
        clock: Clock = time,
        nodes: Mapping[int, int] | None = None,
    ) -> None:
        self.bytes: Bytes = {}
        self.times: dict[str, float] = {}
        self._inner, self._clock = inner, clock
        self._run_id, self._controls, self._next_attempt = run, controls, next_attempt
        self._config, self._agent_services = config_yaml, agent_services
        self._patience, self._on_event = patience_s, on_event
        self._roster = Roster(inner, n_agents, run, agent_services, clock, nodes, on_event)

    # Flower's Grid, outside rounds

    def set_run(self, run: Run) -> None:
        """Set the run of the inner Grid."""
        self._inner.set_run(run)

    @property
    def run(self) -> Run:
        """Flower's description of the run."""
        return self._inner.run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """Create a message by the inner Grid."""
        return self._inner.create_message(content, message_type, dst_node_id, group_id, ttl)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Push messages unchanged, without an attempt."""
        return self._inner.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Pull messages unchanged, without an attempt."""
        return self._inner.pull_messages(message_ids)

    def get_node_ids(self) -> Iterable[int]:
        """Return the nodes of all agents, in agent order; wait for missing ones.

        Raises FederationError, naming the agents, when some are missing for longer than the patience.
        """
        began, reported = self._clock.monotonic(), False
        self._roster.look()
        while missing := self._roster.missing:
            waited = self._clock.monotonic() - began
            if waited > self._patience:
                online = len(self._roster.online)
                raise FederationError(
                    f"{_agents(missing)} did not appear within {self._patience:.0f} s ({online} SuperNodes are "
                    "online). Every agent needs its `fedqmix agent` and its SuperNode; start what is missing and "
                    "resume the run."
                )
            if waited > 10 * LOOK_S and not reported:
                reported = True
                self._on_event(f"waiting for {_agents(missing)}")
            self._clock.sleep(POLL_S)
            self._roster.look()
        return self._roster.names

    # A round

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Return one answer per message, all of one attempt.

        timeout: ignored, as the patience applies. Raises the error with which an agent ended the run
        (DivergenceError, ...), and FederationError when agents give no sign.
        """
        questions = {self._roster.agent(message.metadata.dst_node_id): message for message in messages}
        if not questions:
            return []
        kind = next(iter(questions.values())).metadata.message_type
        round_ = int(cast(int, next(iter(questions.values())).content.config_records[m.PLAN].get(m.ROUND, 0)))
        signs = Signs(questions, self._clock.monotonic())
        broken = 0
        while True:
            attempt = Attempt(self._run_id, round_, self._next_attempt())
            if broken:
                self._on_event(f"{_name(kind, round_)} is attempted again (attempt {attempt.number})")
            try:
                return self._attempt(attempt, kind, questions, signs)
            except AttemptError as error:
                broken += 1
                self._on_event(str(error))
                self._give_up(signs.overdue(list(questions), self._clock.monotonic(), self._patience))
                if broken >= BROKEN_IN_A_ROW:
                    raise FederationError(
                        f"{_name(kind, round_)} was attempted {broken} times and broke off every time, last with: "
                        f"{error} The run can be resumed."
                    ) from None
            self._clock.sleep(min(FIRST_PAUSE_S * 2 ** (broken - 1), LONGEST_PAUSE_S))

    def _attempt(self, attempt: Attempt, kind: str, questions: dict[int, Message], signs: Signs) -> list[Message]:
        """Make one attempt. Raises AttemptError when another attempt may succeed."""
        began = self._clock.monotonic()
        self._controls.open(attempt, kind.removeprefix("query."), self._config)
        plan = ConfigRecord(
            {
                m.RUN: attempt.run,
                m.ATTEMPT: attempt.number,
                m.CONFIG: self._config,
                m.PATIENCE: self._patience,
                m.AGENT_SERVICES: list(self._agent_services.places),
                m.CERTS: self._agent_services.certs,
            }
        )
        exchange = Exchange(self._inner, self._roster, self._clock, questions, plan, self.bytes)
        pauses, looked = GrowingPause(clock=self._clock.monotonic, sleep=self._clock.sleep), self._clock.monotonic()
        signs.begin()
        while True:
            exchange.send()
            if found := exchange.receive():
                pauses.restart()
            signs.answered(found, self._clock.monotonic())
            if not exchange.unanswered:
                self._controls.settle(attempt, kind.removeprefix("query."))
                self._time(kind, self._clock.monotonic() - began, exchange.answers.values())
                return [exchange.answers[agent] for agent in questions]
            if exchange.broken is not None:
                raise AttemptError(exchange.broken)
            now = self._clock.monotonic()
            if now - looked >= LOOK_S:
                looked = now
                standing = self._controls.status()
                signs.seen(standing, now)
                if standing is not None and standing.broken:
                    raise AttemptError(standing.broken)
                self._give_up(signs.overdue(exchange.unanswered, now, self._patience))
                exchange.resend(standing, self._roster.look())
            pauses.pause()

    def _time(self, kind: str, seconds: float, answers: Iterable[Message]) -> None:
        slowest = (0.0, 0.0)
        for answer in answers:
            metrics = answer.content.metric_records.get(m.METRICS, MetricRecord())
            slowest = max(slowest, (_seconds(metrics, m.BUSY_S), _seconds(metrics, m.WAITED_S)))
        name = f"fed/{kind.removeprefix('query.')}"
        self.times |= {f"{name}_s": seconds, f"{name}_busy_s": slowest[0], f"{name}_waited_s": slowest[1]}

    def _give_up(self, overdue: list[int]) -> None:
        if overdue:
            raise FederationError(
                f"{_agents(overdue)} gave no sign for {self._patience:.0f} s. Is its process running, and its "
                "SuperNode? Can it reach the world and the mixer? Start what is missing and resume the run."
            )


def _seconds(metrics: MetricRecord, name: str) -> float:
    """Return a duration that an agent reports, in seconds; 0 for a value that is not a valid duration."""
    value = metrics.get(name, 0.0)
    return float(value) if isinstance(value, int | float) and 0 <= value < math.inf else 0.0


def _agents(agents: Sequence[int]) -> str:
    return ("agent " if len(agents) == 1 else "agents ") + ", ".join(map(str, agents))


def _name(kind: str, round_: int) -> str:
    return f"round {round_}" if round_ else "joining" if kind == m.JOIN else kind
