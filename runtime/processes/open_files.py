"""How many files, and so connections, a process may have open: a stranger's connections must not use them up."""

from __future__ import annotations

import resource

OPEN_FILES = 16_384
"""1,024 are usual, and few: whoever connects takes one, until it is clear that it is a stranger."""


def raise_open_files() -> None:
    """Let this process have as many open files as it may, up to OPEN_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
