"""Before anything of ours or Flower's is imported: nobody is told that tests ran."""

import gc
import os
import signal
from collections.abc import Iterator

import hypothesis
import pytest

from fedqmix.runtime.kernels.thread_pool import ThreadPool
from support.tagged import TAG, eventually, new_tag, tagged

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Flower sets it when it is imported, gRPC reads it when it is: a worker that inherits it logs no refused handshake
os.environ.pop("GRPC_VERBOSITY", None)

# how fast a machine is decides nothing here; `make test-all` chooses the thorough profile
hypothesis.settings.register_profile("quick", deadline=None, max_examples=40)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=100)
hypothesis.settings.load_profile("quick")

# who is started in the background ignores Ctrl-C, and under nohup a closed terminal, and so would everything that its
# tests start, and send these signals to
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="module")
def frozen() -> None:
    """Take what lives so far out of garbage collection: Flower collects for each list of arrays that it reads."""
    gc.freeze()


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute with one thread, however many a run in an earlier test has set for its whole process."""
    monkeypatch.setattr(ThreadPool, "usual", 1)


@pytest.fixture
def tag(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A mark of the test's own, inherited by all it starts; at the end none of them may be left."""
    mine = new_tag()
    monkeypatch.setenv(TAG, mine)
    yield mine
    assert eventually(lambda: not tagged(mine))
