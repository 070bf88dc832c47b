"""Before anything of ours or Flower's is imported: nobody is told that tests ran."""

import os
import signal

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

# who is started in the background ignores Ctrl-C, and so would everything that its tests start, and send it to
signal.signal(signal.SIGINT, signal.default_int_handler)
