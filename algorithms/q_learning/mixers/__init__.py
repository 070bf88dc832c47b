"""Mixers: the functions from the agents' Q-values to the learned values, one file each with its equation."""
