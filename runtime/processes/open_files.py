"""The limit of open files, and so of connections, of a process.

Connections of unauthenticated callers must not exhaust it.
"""

from __future__ import annotations

import resource

OPEN_FILES = 16_384
"""1,024 are usual, and few: every connection takes one until its caller has been refused."""


def raise_open_files() -> None:
    """Raise this process's limit of open files as far as allowed, up to OPEN_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
