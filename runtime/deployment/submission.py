"""Runs on a SuperLink that is up: started, asked after, stopped (Control API of flwr 1.41 and 1.42, as `flwr run`)."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Self

import httpx
from flwr.common.constant import Status, SubStatus
from flwr.common.serde import fab_to_proto, user_config_to_proto
from flwr.proto.control_pb2 import ListRunsRequest, StartRunRequest, StopRunRequest
from flwr.supercore.control import ControlHttpClient
from flwr.supercore.fab import Fab
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor

from fedqmix.runtime.configuration.overrides import parse_one
from fedqmix.runtime.core.errors import ConfigurationError, FederationError
from fedqmix.runtime.flower.app import OVERRIDES, bundle
from fedqmix.runtime.transport.identity import Identity, ssl_context

_OWN_ERROR = "ServerApp failed with exception: "
"""What flwr (1.41 and 1.42) puts before the text of an error that a ServerApp ended with."""

MANY = 1000
"""Runs to ask for, the newest first; Flower's own default is 20."""


class UnreachableError(FederationError):
    """The SuperLink does not answer, now."""


class State(Enum):
    """How a run is. LOST: it ended without a word of its own, as when the SuperLink or the ServerApp was killed."""

    GOING_ON = auto()
    FINISHED = auto()
    FAILED = auto()
    STOPPED = auto()
    LOST = auto()


@dataclass(frozen=True)
class RunState:
    """How a run is, and with which words it ended."""

    state: State
    words: str = ""


class SuperLink:
    """A SuperLink that runs are submitted to; use as a context manager.

    Each method raises UnreachableError, and FederationError when the SuperLink refuses what it is asked.
    """

    def __init__(self, address: str, identity: Identity | None, app: bytes | None = None) -> None:
        """Prepare; nothing is sent yet. identity: of submit; None speaks plain text. app: fedqmix's own by default."""
        self._address, self._identity = address, identity
        self._app = bundle() if app is None else app
        self._client = ControlHttpClient(
            f"{'http' if identity is None else 'https'}://{address}",
            interceptors=[RuntimeVersionHttpInterceptor(component_name="flwr CLI")],
            verify=True if identity is None else ssl_context(identity),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not KeyboardInterrupt:  # it may have come while the client held its own lock, for which this waits
            self._client.close()

    def anew(self) -> Self:
        """Return a connection of its own to the same SuperLink.

        For what is to be done after KeyboardInterrupt: the call that it ended may have left this one's client locked.
        """
        return type(self)(self._address, self._identity, self._app)

    def start(self, overrides: Sequence[str]) -> int:
        """Start a run with these overrides; return its number."""
        request = StartRunRequest(
            fab=fab_to_proto(Fab(hashlib.sha256(self._app).hexdigest(), self._app, {})),
            override_config=user_config_to_proto({OVERRIDES: shlex.join(overrides)}),
        )
        try:
            return self._client.StartRun(request).run_id
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def state(self, run: int) -> RunState:
        """Return how a run is; LOST for one the SuperLink does not know."""
        try:
            reply = self._client.ListRuns(ListRunsRequest(run_id=run))
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                return RunState(State.LOST, "the SuperLink does not know the run")
            raise self._unreachable(error) from error
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        status = reply.run_dict[run].status
        if status.status != Status.FINISHED:
            return RunState(State.GOING_ON, status.status)
        if status.sub_status == SubStatus.COMPLETED:
            return RunState(State.FINISHED)
        if status.sub_status == SubStatus.STOPPED:
            return RunState(State.STOPPED, status.details)
        if status.details.startswith(_OWN_ERROR):
            return RunState(State.FAILED, status.details.removeprefix(_OWN_ERROR))
        return RunState(State.LOST, status.details)

    def not_terminated(self) -> dict[int, str]:
        """Return the runs that have not ended: number -> run folder, as it was submitted ("" when none was named)."""
        return {number: _folder_of(words) for number, words in self._not_terminated().items()}

    def same(self, overrides: Sequence[str]) -> set[int]:
        """Return the runs that have not ended and were submitted with exactly these overrides."""
        return {number for number, words in self._not_terminated().items() if words == shlex.join(overrides)}

    def stop(self, run: int) -> None:
        """Stop a run; one that has ended stays as it is."""
        try:
            self._client.StopRun(StopRunRequest(run_id=run))
        except httpx.HTTPStatusError as error:
            if error.response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                raise self._unreachable(error) from error
            return
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _not_terminated(self) -> dict[int, str]:
        try:
            reply = self._client.ListRuns(ListRunsRequest(limit=MANY))
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        runs = {number: run for number, run in reply.run_dict.items() if run.status.status != Status.FINISHED}
        return {number: run.override_config[OVERRIDES].string for number, run in runs.items()}

    def _unreachable(self, error: httpx.HTTPError) -> FederationError:
        if isinstance(error, httpx.HTTPStatusError):
            if error.response.status_code == httpx.codes.FORBIDDEN:
                return FederationError(f"the SuperLink at {self._address} refuses this: {_detail(error.response)}")
            reason = f"it answered {error.response.status_code}: {error.response.text[:500]}"
        elif "CERTIFICATE_VERIFY_FAILED" in (reason := str(error) or type(error).__name__):  # waiting changes nothing
            return FederationError(f"the certificate of the SuperLink at {self._address} is refused here: {reason}")
        return UnreachableError(f"the SuperLink at {self._address} cannot be reached: {reason}")


def _folder_of(words: str) -> str:
    """Return the run folder that a run's overrides name; "" when they name none, or make no sense."""
    try:
        named = [word for word in shlex.split(words) if word.startswith(("run_dir=", "resume="))]
        values = [parse_one(word).value() for word in named]
    except (ValueError, ConfigurationError):
        return ""
    return next((str(value) for value in values if value is not None), "")


def _detail(response: httpx.Response) -> str:
    """Return an error's sentence, as Flower and runtime/flower/closed_port.py write it."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text[:500]
