"""Mixers: functions from the agents' Q-values to the learned values, with their equations."""
