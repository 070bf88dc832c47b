"""The compiler settings of the rules of battle.

Kernels run without the interpreter's lock. They allocate nothing, so arrays need no reference counts (`_nrt`): atomic
counting from several threads took most of the time. A division by zero gives inf, as in numpy. Every call is inlined
(`forceinline`): a scene is a hundred machine words, and passing it cost more than most functions do.
"""

from __future__ import annotations

from pathlib import Path

from fedqmix.runtime.kernels.compile import Compiler

_compiler = Compiler(Path(__file__).parent, nogil=True, error_model="numpy", _nrt=False, forceinline=True)
kernel, inner, inline = _compiler.kernel, _compiler.inner, _compiler.inline
