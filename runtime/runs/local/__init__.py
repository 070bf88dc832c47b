"""The local runtime: a whole federation in one process."""
