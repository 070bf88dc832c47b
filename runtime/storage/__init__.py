"""What outlives a training step: rings of episodes in memory, checkpoints on disk. Knows neither agents nor mixer."""
