"""Compiled kernels: compilation with numba, the machine code cache, and parallel threads."""
