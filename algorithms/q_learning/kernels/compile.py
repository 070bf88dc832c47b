"""The compiler options of the mixer's kernels.

The kernels run without the interpreter lock and with fused multiply-add (`contract`). The compiler may reorder sums
(`reassoc`), so that it can vectorise them.
"""

from __future__ import annotations

from pathlib import Path

from fedqmix.runtime.kernels.compile import Compiler

_compiler = Compiler(Path(__file__).parent, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
kernel, inner = _compiler.kernel, _compiler.inner
