"""A mixer in another process, as one agent sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import numpy as np
import torch

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import DivergenceError, RefusedError
from fedqmix.runtime.transport.calls import PATIENCE_S, Line
from fedqmix.runtime.transport.codec import decode, encode
from fedqmix.runtime.transport.conversation import Conversation
from fedqmix.runtime.transport.proto import mixer_pb2
from fedqmix.runtime.transport.proto.mixer_pb2_grpc import MixerStub
from fedqmix.runtime.transport.proto.tensor_pb2 import Tensor
from fedqmix.runtime.transport.tickets import header


class RemoteMixer:
    """runtime.core.mixer.Mixer for a stack of one agent, in one attempt: a new attempt takes a new RemoteMixer.

    Every method returns when all agents have called it; it raises what the mixer raised, AttemptError when the attempt
    cannot be finished, and RefusedError when a message was refused. Tensors come back on the device they came from.
    """

    def __init__(self, channel: grpc.Channel, agent: int, attempt: Attempt, patience: float = PATIENCE_S) -> None:
        line, stub = Line("the mixer", patience), MixerStub(channel)
        self._gradient, self._pool, self._clip = self._conversations = [
            Conversation(line, method) for method in (stub.Gradient, stub.Pool, stub.Clip)
        ]
        self._finish = partial(line.call, stub.Finish)
        self._agent, self._attempt = agent, attempt
        self._sequence = 0
        self._steps = 0
        self.waited = 0.0  # seconds in calls, so far

    def gradient(self, q_taken: torch.Tensor, q_next: torch.Tensor) -> torch.Tensor:
        """Return the gradient [1, transitions] of the team's loss with respect to q_taken [1, transitions].

        Raises DivergenceError when a Q-value is not finite; nothing is sent then.
        """
        for values in (q_taken, q_next):
            if not torch.isfinite(values).all():
                step = f"training step {self._steps + 1} of round {self._attempt.round}"
                raise DivergenceError(f"a Q-value of agent {self._agent} sent to the mixer", step)
        asked = mixer_pb2.QValues(q_taken=_message(q_taken), q_next=_message(q_next))
        return self._row(self._gradient.call, asked, q_taken)

    def pool(self, gradients: torch.Tensor) -> torch.Tensor:
        """Return the sum of all agents' gradients [1, parameters]."""
        return self._row(self._pool.call, mixer_pb2.PoolShare(gradient=_message(gradients)), gradients)

    def clip(self, squared_norms: torch.Tensor) -> float:
        """Finish the step: return how much to shrink the gradient. squared_norms: [1] float64."""
        scale = float(self._call(self._clip.call, mixer_pb2.Norm(squared=float(squared_norms[0]))).scale)
        if not 0 <= scale <= 1:
            raise RefusedError(f"The mixer sent the clipping scale {scale}; it must be from 0 to 1.")
        self._steps += 1
        return scale

    def finish(self) -> None:
        """Say that all training steps of the round are taken; return when the mixer wrote down where it stands."""
        self._call(self._finish, mixer_pb2.Finishing())

    def close(self) -> None:
        """Stop using the channel, which stays its owner's."""
        for conversation in self._conversations:
            conversation.close()

    def _call(self, ask: Callable[[Any], Any], request: Any) -> Any:
        self._sequence += 1
        request.header.CopyFrom(header(self._attempt, self._agent, self._sequence))
        began = time.perf_counter()
        said = ask(request)
        self.waited += time.perf_counter() - began
        return said

    def _row(self, ask: Callable[[Any], Any], request: Any, like: torch.Tensor) -> torch.Tensor:
        row = decode(self._call(ask, request).row, "the mixer's answer", np.float32, tuple(like.shape))
        return torch.from_numpy(row).to(like.device)


def _message(values: torch.Tensor) -> Tensor:
    return encode(values.detach().cpu().numpy())
