"""The composition root: command line, run folders, and the runtimes that put worlds, agents and server together."""

import os

# Nothing is reported to anybody unless asked for. Both libraries read these when they are first imported, so they are
# set here, before any module of ours can import them. Whoever wants telemetry sets the variables to 1.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
