"""Starting, listing and stopping runs on a SuperLink (Control API of flwr 1.41 and 1.42)."""

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
"""The prefix that flwr (1.41 and 1.42) adds to a ServerApp's error text."""

MANY = 1000
"""Runs to list at most, the newest first; Flower's own default is 20."""


class UnreachableError(FederationError):
    """The SuperLink does not answer at present."""


class State(Enum):
    """The state of a run.

    LOST: it ended without an error of its own, for example because SuperLink or ServerApp were killed.
    """

    GOING_ON = auto()
    FINISHED = auto()
    FAILED = auto()
    STOPPED = auto()
    LOST = auto()


@dataclass(frozen=True)
class RunState:
    """The state of a run, and Flower's status text."""

    state: State
    words: str = ""


class SuperLink:
    """A SuperLink that runs are submitted to; use as a context manager.

    Each method raises UnreachableError, and FederationError when the SuperLink refuses the request.
    """

    def __init__(self, address: str, identity: Identity | None, app: bytes | None = None) -> None:
        """Prepare; nothing is sent yet.

        identity: the certificate of `submit`; None: plain text. app: the bundle, by default fedqmix's own.
        """
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
        if (
            kind is not KeyboardInterrupt
        ):  # close() would wait for the client's lock if the interrupted call still holds it
            self._client.close()

    def anew(self) -> Self:
        """Return a new connection to the same SuperLink.

        For calls after KeyboardInterrupt, because the interrupted call may have left this client locked.
        """
        return type(self)(self._address, self._identity, self._app)

    def start(self, overrides: Sequence[str]) -> int:
        """Start a run with these overrides; return Flower's run id."""
        request = StartRunRequest(
            fab=fab_to_proto(Fab(hashlib.sha256(self._app).hexdigest(), self._app, {})),
            override_config=user_config_to_proto({OVERRIDES: shlex.join(overrides)}),
        )
        try:
            return self._client.StartRun(request).run_id
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def state(self, run: int) -> RunState:
        """Return the state of a run; LOST when the SuperLink does not know it."""
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
        """Return the runs that have not ended: run id -> submitted run folder ("" without one)."""
        return {number: _folder_of(words) for number, words in self._not_terminated().items()}

    def same(self, overrides: Sequence[str]) -> set[int]:
        """Return the running runs that were submitted with exactly these overrides."""
        return {number for number, words in self._not_terminated().items() if words == shlex.join(overrides)}

    def stop(self, run: int) -> None:
        """Stop a run; an ended run does not change."""
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
        elif "CERTIFICATE_VERIFY_FAILED" in (reason := str(error) or type(error).__name__):  # retries cannot succeed
            return FederationError(f"the certificate of the SuperLink at {self._address} is refused here: {reason}")
        return UnreachableError(f"the SuperLink at {self._address} cannot be reached: {reason}")


def _folder_of(words: str) -> str:
    """Return the run folder in a run's overrides; "" without one, or when they are not valid."""
    try:
        named = [word for word in shlex.split(words) if word.startswith(("run_dir=", "resume="))]
        values = [parse_one(word).value() for word in named]
    except (ValueError, ConfigurationError):
        return ""
    return next((str(value) for value in values if value is not None), "")


def _detail(response: httpx.Response) -> str:
    """Return the text of an error response of Flower or runtime/flower/closed_port.py."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text[:500]
