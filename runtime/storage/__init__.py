"""Episode buffers in memory and checkpoints on disk; independent of agents and mixer."""
