"""An agent that listens, and certificates of its federation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fedqmix.runtime.transport.authority import issue, make_authority
from support.served_agent import ServedAgent


@pytest.fixture
def served() -> Iterator[ServedAgent]:
    """An agent behind its service."""
    one = ServedAgent()
    yield one
    one.close()


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of some parties of a federation."""
    folder = tmp_path_factory.mktemp("certs")
    by = make_authority(folder)
    for party in ("agent-2", "supernode-2", "supernode-1", "agent-1", "world"):
        issue(by, folder / party, party, [], 30)
    return folder
