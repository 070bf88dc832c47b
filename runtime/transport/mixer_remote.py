"""One agent's side of a mixer in another process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import grpc
import numpy as np
import torch

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import DivergenceError, RefusedError
from fedqmix.runtime.core.rows import Rows, differentiable, shown
from fedqmix.runtime.transport.calls import PATIENCE_S, Line
from fedqmix.runtime.transport.codec import decode, encode
from fedqmix.runtime.transport.conversation import Conversation
from fedqmix.runtime.transport.proto import mixer_pb2
from fedqmix.runtime.transport.proto.mixer_pb2_grpc import MixerStub
from fedqmix.runtime.transport.proto.tensor_pb2 import Tensor
from fedqmix.runtime.transport.tickets import header


class RemoteMixer:
    """A Coordinator (runtime.core.coordinator) for a stack of one agent, in one attempt.

    Every method returns when all agents have called it. It raises the mixer's error, AttemptError when the attempt
    cannot be finished, and RefusedError when a message was refused. Results are on the device of the arguments.
    """

    def __init__(
        self, channel: grpc.Channel, agent: int, attempt: Attempt, rows: Rows, patience: float = PATIENCE_S
    ) -> None:
        """rows: the algorithm's declaration."""
        line, stub = Line("the mixer", patience), MixerStub(channel)
        self._exchange, self._pool, self._clip = self._conversations = [
            Conversation(line, method) for method in (stub.Exchange, stub.Pool, stub.Clip)
        ]
        self._finish = partial(line.call, stub.Finish)
        self._agent, self._attempt, self._rows = agent, attempt, rows
        self._sequence = 0
        self._steps = 0
        self.waited = 0.0  # seconds in calls, so far

    def exchange(self, rows: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the gradients of the team's loss with respect to the differentiable rows; see Coordinator.

        rows: [1, count, *shape] by name. Raises DivergenceError when a number is not finite; nothing is sent then.
        """
        for name, row in rows.items():
            if row.is_floating_point() and not torch.isfinite(row).all():
                step = f"training step {self._steps + 1} of round {self._attempt.round}"
                raise DivergenceError(f"a value of {name} that agent {self._agent} sends to the mixer", step)
        request = mixer_pb2.AgentRows()
        for name, row in rows.items():
            request.rows[name].CopyFrom(_message(row))
        reply = self._call(self._exchange.call, request)
        wanted = differentiable(self._rows)
        if set(reply.rows) != set(wanted):
            raise RefusedError(f"The mixer sent gradients of {shown(sorted(reply.rows))}; of {wanted} are needed.")
        return {name: _decoded(reply.rows[name], f"the gradient of {name}", rows[name]) for name in wanted}

    def pool(self, gradients: torch.Tensor) -> torch.Tensor:
        """Return the sum of all agents' gradients [1, parameters]."""
        reply = self._call(self._pool.call, mixer_pb2.PoolShare(gradient=_message(gradients)))
        return _decoded(reply.row, "the mixer's sum", gradients)

    def clip(self, squared_norms: torch.Tensor) -> float:
        """Finish the training step: return the clipping scale. squared_norms: [1] float64."""
        scale = float(self._call(self._clip.call, mixer_pb2.Norm(squared=float(squared_norms[0]))).scale)
        if not 0 <= scale <= 1:
            raise RefusedError(f"The mixer sent the clipping scale {scale}; it must be from 0 to 1.")
        self._steps += 1
        return scale

    def finish(self) -> None:
        """Report that all training steps of the round are taken; return when the mixer has saved its state."""
        self._call(self._finish, mixer_pb2.Finishing())

    def close(self) -> None:
        """Close the streams; the channel stays open for its owner."""
        for conversation in self._conversations:
            conversation.close()

    def _call(self, ask: Callable[[Any], Any], request: Any) -> Any:
        self._sequence += 1
        request.header.CopyFrom(header(self._attempt, self._agent, self._sequence))
        began = time.perf_counter()
        said = ask(request)
        self.waited += time.perf_counter() - began
        return said


def _message(values: torch.Tensor) -> Tensor:
    return encode(values.detach().cpu().numpy())


def _decoded(message: Tensor, name: str, like: torch.Tensor) -> torch.Tensor:
    """Return a float32 tensor of the shape and on the device of another one. Raises RefusedError for anything else."""
    return torch.from_numpy(decode(message, name, np.float32, tuple(like.shape))).to(like.device)
