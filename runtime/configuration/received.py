"""The settings that the server sends to world, mixer and agents, checked as untrusted input.

A party needs numbers and choices of them, and never a path: what could name one is taken out, so that a server that
was taken over reads no environment variable, writes no file and starts no program anywhere else. A party imports no
code but what its own operator allows.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from fedqmix.conf.fields import with_known
from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.allowed import NOTHING, Allowed, code_of
from fedqmix.runtime.configuration.plain import require_plain
from fedqmix.runtime.configuration.settings import loads
from fedqmix.runtime.core.errors import RefusedError

LONGEST_ID = 64
"""Most characters of a run's id; fedqmix writes sixteen."""


def received(text: str, party: str = "world", allowed: Allowed = NOTHING) -> Config:
    """Return a run's settings from the YAML that the server has sent.

    party: "agent" or "mixer", which build networks and so may need algorithm.code and model.code, or "world", which may
    need env.code; code that the party does not need is left out. allowed: the code that this party's operator allows.
    Folders and strategy.code are left out, and threads are no more than this machine's processors (kernels give the
    same bits with any number).
    Raises ConfigurationError for YAML that is more than names and values, for code that is not allowed, and as
    `settings.compose` does.
    """
    require_plain(text)
    config = loads(text)  # imports no code of a user's
    for section in ("strategy", "algorithm", "model") if party == "world" else ("strategy", "env"):
        config = replace(config, **{section: with_known(getattr(config, section), code=None)})
    for name, code in code_of(config):
        allowed.require_code(name, code, party)
    most = os.cpu_count() or 1
    runtime = config.runtime
    return replace(
        config,
        run_dir="",
        resume=None,
        init_from=None,
        env=with_known(config.env, replay_dir=""),
        runtime=replace(runtime, threads=min(runtime.threads, most), world_threads=min(runtime.world_threads, most)),
    )


def run_state(state: Path, run_id: str) -> Path:
    """Return the folder of a run's states in a party's private folder `state`.

    run_id: as the server has sent it. Raises RefusedError unless it consists of letters and digits: it could be a path.
    """
    if not (run_id.isascii() and run_id.isalnum() and len(run_id) <= LONGEST_ID):
        raise RefusedError(f"{run_id[:40]!r} is not a run's id; letters and digits are allowed.")
    return state / run_id / "rounds"
