"""A device that is not there: its tensors lie in memory like all others, but say that they are elsewhere.

What works on a processor alone (a tensor made here and added to one there, `.numpy()` without a copy to the host) fails
on it as it would on a GPU, so that the way through the code that a GPU takes can be tested without one. It borrows the
name of PyTorch's "meta" device, the only one without hardware that autograd accepts.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

ELSEWHERE = torch.device("meta")
CROSSING = {"copy_", "_to_copy"}  # operations that may have tensors on both sides
ASKS_THE_HOST = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "_to_copy"}
"""What a CUDA graph cannot hold: the host waiting for a value, or copies to and from it."""


class Distant(torch.Tensor):
    """A tensor elsewhere; `here` has its values."""

    here: torch.Tensor

    @staticmethod
    def __new__(cls, here: torch.Tensor) -> Distant:
        shape = {"strides": here.stride(), "storage_offset": here.storage_offset(), "dtype": here.dtype}
        distant = torch.Tensor._make_wrapper_subclass(cls, here.size(), device=ELSEWHERE, **shape)
        distant.here = here
        return distant

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), keywords=None):
        raise RuntimeError("a tensor elsewhere is of use only within elsewhere.pretended()")


class _Operations(TorchDispatchMode):
    """Computes every operation here and says that the outcome is where its tensors are."""

    capturing = False
    """Of all of them, as a thread has one of its own: only one thread computes while a graph is captured."""
    waits = 0
    """How often the host has waited for a value, all threads together."""

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        keywords = dict(keywords or {})
        tensors = [leaf for leaf in tree_leaves((arguments, keywords)) if isinstance(leaf, torch.Tensor)]
        name, goes = function.overloadpacket.__name__, any(isinstance(tensor, Distant) for tensor in tensors)
        stays = name == "_to_copy" and keywords.get("device") in (None, ELSEWHERE)  # another dtype, there
        _Operations.waits += goes and name in ASKS_THE_HOST and not stays
        self._check(name, tensors, goes)
        if keywords.get("device") is not None:
            goes = torch.device(keywords["device"]) == ELSEWHERE
            keywords["device"] = torch.device("cpu")
        found = function(*tree_map(_here, arguments), **tree_map(_here, keywords))
        if not function._schema.returns:
            return None
        written = [
            keywords.get(about.name, arguments[place] if place < len(arguments) else None)
            for place, about in enumerate(function._schema.arguments)
            if about.alias_info is not None and about.alias_info.is_write
        ]
        if written:  # in place, or out=: what was handed in comes back
            return written[0] if len(written) == 1 else tuple(written)
        return tree_map(lambda value: Distant(value) if goes and isinstance(value, torch.Tensor) else value, found)

    def _check(self, name: str, tensors: list[torch.Tensor], distant: bool) -> None:
        if self.capturing and name in ASKS_THE_HOST:
            raise RuntimeError(f"{name}: a captured graph cannot wait for the host")
        near = [tensor for tensor in tensors if not isinstance(tensor, Distant)]
        mixes = any(tensor.dim() or name in ("cat", "stack") for tensor in near)  # numbers may be mixed in elsewhere
        if distant and mixes and name not in CROSSING:
            raise RuntimeError(f"{name}: expected all tensors to be on the same device")


class _Functions(TorchFunctionMode):
    """`torch.tensor(..., device=...)` never becomes an operation of its own."""

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        keywords = dict(keywords or {})
        if function is torch.tensor and keywords.get("device") == ELSEWHERE:
            return function(*arguments, **keywords | {"device": "cpu"}).to(ELSEWHERE)
        return function(*arguments, **keywords)


def _here(value: Any) -> Any:
    return value.here if isinstance(value, Distant) else value


def waits() -> int:
    """How often the host has waited for a value from elsewhere."""
    return _Operations.waits


@contextmanager
def pretended(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Let ELSEWHERE be a device. Gives what stands in for `torch.cuda.make_graphed_callables`."""
    adam = importlib.import_module("torch.optim.adam")
    monkeypatch.setattr(adam, "_device_dtype_check_for_fused", lambda *_: None)  # a list of names
    run = threading.Thread.run

    def run_elsewhere(thread: threading.Thread) -> None:
        with _Functions(), _Operations():  # PyTorch's modes belong to a thread
            run(thread)

    monkeypatch.setattr(threading.Thread, "run", run_elsewhere)
    with _Functions(), _Operations():
        yield Captured


class Captured:
    """As CUDA graphs behave: inputs are copied to fixed places, results lie in fixed places until the next call."""

    def __init__(self, function: Callable[..., torch.Tensor], samples: tuple[torch.Tensor, ...]):
        self.function, self.places = function, samples
        self.result: torch.Tensor | None = None
        self.calls = 0

    def replay(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Compute what the places hold, under the rules of a capture; return the place of the result."""
        self.calls += 1
        with torch.no_grad():
            for place, value in zip(self.places, inputs, strict=True):
                place.copy_(value)
        with torch.set_grad_enabled(self.places[0].requires_grad):
            _Operations.capturing = True
            try:
                self.whole = self.function(*self.places)
            finally:
                _Operations.capturing = False
        if self.result is None:
            self.result = self.whole.detach().clone()
        self.result.copy_(self.whole.detach())
        return self.result

    def replay_back(self, gradient: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the gradients of all inputs."""
        _Operations.capturing = True
        try:
            return torch.autograd.grad(self.whole, self.places, gradient)
        finally:
            _Operations.capturing = False

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Call the function."""
        return _Replayed.apply(self, *inputs)


class _Replayed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, captured, *inputs):
        ctx.captured = captured
        return captured.replay(*inputs).detach()

    @staticmethod
    def backward(ctx, gradient):
        with torch.enable_grad():
            return None, *ctx.captured.replay_back(gradient)
