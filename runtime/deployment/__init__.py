"""The deployment runtime: every party a process of its own."""
