"""How the networks' kernels are compiled: without the interpreter's lock, products and sums fused (`contract`)."""

from __future__ import annotations

from pathlib import Path

from fedqmix.runtime.kernels.compile import Compiler

_compiler = Compiler(Path(__file__).parent, nogil=True, error_model="numpy", fastmath={"contract"})
kernel, inner = _compiler.kernel, _compiler.inner
