"""Federated multi-agent reinforcement learning on Flower.

This folder is the package: `fedqmix.clients`, `fedqmix.server`, `fedqmix.strategies`, ... ARCHITECTURE.md is its map.
"""

import os

# Nothing is reported unless asked for. Flower and Ray read these when they are first imported, so they are
# set before any module of ours can import them. Set the variables to 1 to switch reports on.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
