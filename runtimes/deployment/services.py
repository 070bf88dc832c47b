"""World and mixer as the server sees them: attempts are opened at both, and the mixer reports to it."""

from __future__ import annotations

import grpc

from contracts.attempt import Attempt
from contracts.controls import Standing
from contracts.errors import AttemptError
from coupling.control_remote import RemoteControl
from coupling.ledger import LedgerLine

BATTLES = ("train", "evaluate", "policy")
"""The kinds of attempts that need world and mixer; joining needs neither."""
SILENT_S = 15.0
"""An agent that neither waits nor has called for so long has probably answered; asking it again costs little."""
GLANCE_S = 0.5
BUSY_S = 20.0
"""A run whose agents have called within so many seconds is going on."""


class Services:
    """The controls of a federation (contracts.controls.Controls), and its mixer's side (server.round_end.MixerSide).

    world, mixer: ways to them. run: the run's id. patience: seconds to wait for one that cannot be reached.
    """

    def __init__(self, world: grpc.Channel, mixer: grpc.Channel, run: str, patience: float) -> None:
        self._run = run
        self._mixer = RemoteControl(mixer, "the mixer", patience)
        self._world = RemoteControl(world, "the world", patience)
        self._both = (self._mixer, self._world)
        self._glances = (RemoteControl(mixer, "the mixer", GLANCE_S), RemoteControl(world, "the world", GLANCE_S))
        self._means: dict[str, float] = {}
        self._returned = float("nan")

    def open(self, attempt: Attempt, kind: str, config: str) -> None:
        """Begin an attempt at both; see contracts.controls.Controls."""
        for control in self._both if kind in BATTLES else ():
            control.open(attempt, kind, config)

    @property
    def game(self) -> str:
        """What plays the battles; empty before the first attempt."""
        return self._world.game

    def status(self) -> Standing | None:
        """Return how far the agents are with both together; None while one of them cannot be reached."""
        try:
            standings = [control.status() for control in self._glances]
        except AttemptError:
            return None
        seen = [agent for standing in standings for agent in standing.agents]
        calls: dict[int, int] = {}
        still: dict[int, float] = {}
        for agent in seen:
            if agent.sequence:
                calls[agent.agent] = calls.get(agent.agent, 0) + agent.sequence
            silent = 0.0 if agent.waiting else agent.silent_s
            still[agent.agent] = min(still.get(agent.agent, silent), silent)
        broken = next((standing.broken for standing in standings if standing.broken), "")
        return Standing(calls, frozenset(agent for agent in calls if still[agent] > SILENT_S), broken)

    def busy_with(self) -> str | None:
        """Return the id of another run whose agents have called lately; None when the services are free."""
        try:
            standings = [control.status() for control in self._glances]
        except AttemptError:
            return None
        for standing in standings:
            if standing.attempt is None or standing.attempt.run == self._run:
                continue
            if any(agent.waiting or agent.silent_s < BUSY_S for agent in standing.agents):
                return standing.attempt.run
        return None

    def settle(self, attempt: Attempt, kind: str) -> None:
        """Take down what the mixer has to report. Raises AttemptError when it was restarted and has forgotten."""
        if kind == "evaluate":
            self._means, returned = self._mixer.report(self._run, attempt.round)
            if returned is None:
                raise AttemptError("The mixer was restarted after the evaluation; it is played again.")
            self._returned = returned

    def ledger(self) -> list[LedgerLine]:
        """Return what both have counted of this run; nothing while one of them cannot be reached."""
        try:
            return [line for control in self._glances for line in control.ledger(self._run)]
        except AttemptError:
            return []

    def report(self) -> dict[str, float]:
        """Return means over the training steps since the last evaluation."""
        return self._means

    def evaluation_return(self) -> float:
        """Return the mean team return of the last evaluation."""
        return self._returned
