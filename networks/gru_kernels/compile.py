"""The compiler options of the networks' kernels: no interpreter lock, fused multiply-add (`contract`)."""

from __future__ import annotations

from pathlib import Path

from fedqmix.runtime.kernels.compile import Compiler

_compiler = Compiler(Path(__file__).parent, nogil=True, error_model="numpy", fastmath={"contract"})
kernel, inner = _compiler.kernel, _compiler.inner
