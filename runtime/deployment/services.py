"""The server's access to world and mixer: attempts at both, and the mixer's reports."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping

import grpc

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.controls import Standing
from fedqmix.runtime.core.errors import AttemptError, BusyError, FederationError
from fedqmix.runtime.core.facts import Facts, Returns
from fedqmix.runtime.core.world import Floats, Purpose
from fedqmix.runtime.transport.control_remote import RemoteControl
from fedqmix.runtime.transport.ledger import LedgerLine

PLAYING = ("train", "evaluate", "policy", "identity")
"""The kinds of attempts that need world and mixer; "join" needs neither."""
SILENT_S = 15.0
"""Seconds after which an agent that neither waits nor calls has probably replied; asking it again costs little."""
GLANCE_S = 0.5
"""Seconds to wait for world or mixer when a status is requested."""
TURN_S = 60.0
"""Seconds that a run waits for the previous run to end."""
SIGN_S = 5.0
"""Seconds between two renewals of this run's lease; several may be lost before another run can start
(runtime.transport.lease)."""


class Services:
    """The controls of a federation, and its mixer's side.

    Implements runtime.core.controls.Controls and server.round_end.MixerSide.
    world, mixer: channels to them. run: the run's id. patience: seconds to wait for a service that cannot be reached.
    on_event: receives messages for the user ("waiting for run ... to end").
    """

    def __init__(
        self,
        world: grpc.Channel,
        mixer: grpc.Channel,
        run: str,
        patience: float,
        on_event: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._run, self._on_event = run, on_event
        self._mixer = RemoteControl(mixer, "the mixer", patience)
        self._world = RemoteControl(world, "the world", patience)
        self._both = (self._mixer, self._world)
        self._glances = (RemoteControl(mixer, "the mixer", GLANCE_S), RemoteControl(world, "the world", GLANCE_S))
        self.initial: Mapping[str, Floats] = {}  # parameters that the mixer begins the run with, by name
        self._ended = threading.Event()
        self._signs = threading.Thread(target=self._give_signs, name="signs", daemon=True)
        self._facts: Facts | None = None
        self._means: dict[str, float] = {}
        self._episode_means: dict[str, float] = {}  # means of training episodes that the mixer reported
        self._returns: dict[str, Returns] = {}  # of the last evaluation, by purpose

    def hold(self) -> None:
        """Lease mixer and world for this run until `close`; wait up to TURN_S for another run.

        Raises BusyError when the other run still holds them, AttemptError when one of them cannot be reached.
        """
        self._in_turn(lambda: self._hold(self._both))
        if self._signs.ident is None:
            self._signs.start()

    def open(self, attempt: Attempt, kind: str, config: str) -> None:
        """Open an attempt at both; see runtime.core.controls.Controls. Raises as `hold` does."""

        def open_both() -> None:
            self._hold(self._both)
            for control in self._both if kind in PLAYING else ():
                first = kind == "train" and attempt.round == 1 and control is self._mixer
                control.open(attempt, kind, config, self.initial if first else {})

        self._in_turn(open_both)

    def close(self) -> None:
        """Release both for the next run."""
        self._ended.set()
        if self._signs.ident is not None:
            self._signs.join()  # another renewal would lease them again
        for control in self._glances:
            with contextlib.suppress(FederationError):
                control.release(self._run)

    @property
    def game(self) -> str:
        """The game that the world reported; empty before the first attempt."""
        return self._world.game

    def status(self) -> Standing | None:
        """Return the agents' progress at both together; None while one cannot be reached."""
        try:
            standings = [control.status(self._run) for control in self._glances]
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

    def settle(self, attempt: Attempt, kind: str) -> None:
        """Store the facts of world and mixer about an attempt, and the mixer's report.

        Raises AttemptError when one of them was restarted and lost them.
        """
        if kind in PLAYING:
            learned = self._mixer.facts(attempt).learned if kind == "train" else None
            self._facts = Facts(self._world.facts(attempt).counted, learned)
        if kind == "train":
            self._episode_means = {}
            with contextlib.suppress(AttemptError):  # only for display: no reason to repeat a round
                self._episode_means = self._mixer.episode_means(self._run, attempt.round)
        if kind == "evaluate":
            self._means, self._returns = self._mixer.report(self._run, attempt.round)
            if not self._returns:
                raise AttemptError("The mixer was restarted after the evaluation; it is played again.")

    def ledger(self) -> list[LedgerLine]:
        """Return both byte counts of this run; empty while one of them cannot be reached."""
        try:
            return [line for control in self._glances for line in control.ledger(self._run)]
        except AttemptError:
            return []

    def facts(self) -> Facts:
        """Return the facts of world and mixer about the last answered message."""
        if self._facts is None:
            raise FederationError("no episode was played yet, so world and mixer have no facts.")
        return self._facts

    def report(self) -> dict[str, float]:
        """Return means over the training steps and episodes since the last evaluation."""
        return self._means

    def episode_means(self) -> dict[str, float]:
        """Return the training episodes' means since the last evaluation; empty if unreachable."""
        return self._episode_means

    def evaluation_return(self, purpose: Purpose) -> Returns:
        """Return mean and spread of the team return in the last evaluation's episodes with this purpose."""
        return self._returns[purpose.value]

    def _hold(self, controls: tuple[RemoteControl, RemoteControl]) -> None:
        """Lease both or neither; the mixer first, so that no two runs hold one each."""
        mixer, world = controls
        mixer.hold(self._run)
        try:
            world.hold(self._run)
        except BusyError:
            mixer.release(self._run)
            raise

    def _in_turn(self, act: Callable[[], None]) -> None:
        """Call `act` when this run can lease both. Raises BusyError after TURN_S seconds."""
        deadline = time.monotonic() + TURN_S
        noted = False
        while True:
            try:
                return act()
            except BusyError as error:
                if time.monotonic() > deadline:
                    raise
                if not noted:
                    self._on_event(f"{error} Waiting for up to {TURN_S:.0f} s.")
                noted = True
            time.sleep(1.0)

    def _give_signs(self) -> None:
        """Renew the lease, also while the server aggregates, writes, or waits for agents to appear."""
        while not self._ended.wait(SIGN_S):
            with contextlib.suppress(FederationError):  # the next attempt reports a lasting error
                self._hold(self._glances)
