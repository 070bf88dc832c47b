"""The compiler settings of predator-prey, the same as those of skirmish (envs/skirmish/compile.py)."""

from __future__ import annotations

from pathlib import Path

from fedqmix.runtime.kernels.compile import Compiler

_compiler = Compiler(Path(__file__).parent, nogil=True, error_model="numpy", _nrt=False, forceinline=True)
kernel, inner = _compiler.kernel, _compiler.inner
