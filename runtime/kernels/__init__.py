"""How numba compiles what must be fast, where the machine code is kept, and who runs it side by side."""
