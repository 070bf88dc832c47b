"""How the mixer's kernels are compiled.

They run without the interpreter's lock, products and sums fused (`contract`), and sums may be taken in any order that
the compiler chooses (`reassoc`), so that several numbers are added at once.
"""

from __future__ import annotations

from pathlib import Path

from fedqmix.runtime.kernels.compile import Compiler

_compiler = Compiler(Path(__file__).parent, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
kernel, inner = _compiler.kernel, _compiler.inner
