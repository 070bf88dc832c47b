"""No game outlives its owner, however that one dies.

The world starts a game process in a process group of its own and holds one end of a pipe, the lifeline. The game
process waits at the other end in a thread: once nobody holds the lifeline any more, it kills its group, and with it
the game. On Linux the game is also killed by the system when the game process dies, of whatever.
"""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread
from typing import Any

from envs.smac import leash as leash_program


def hold(lifeline: int) -> None:
    """Kill this process and its group once nobody holds the lifeline any more. lifeline: its reading end."""
    Thread(target=_wait, args=(lifeline,), name="lifeline", daemon=True).start()


def _wait(lifeline: int) -> None:
    os.read(lifeline, 1)  # nobody ever writes: it returns when the last writing end is closed
    os.killpg(0, signal.SIGKILL)


def guard_games() -> None:
    """Let pysc2 start games that the system kills once this process has died; call it before a game is started."""
    if sys.platform != "linux":
        return
    from pysc2.lib.sc_process import StarcraftProcess
    from pysc2.run_configs.platforms import Linux

    class GuardedProcess(StarcraftProcess):  # type: ignore[misc]  # pysc2 has no types
        def _launch(self, run_config: Any, args: list[str], **settings: Any) -> Any:
            leash = [sys.executable, leash_program.__file__, str(os.getpid())]
            return super()._launch(run_config, leash + args, **settings)

    class GuardedLinux(Linux):  # type: ignore[misc]
        """Found by pysc2 among RunConfig's subclasses, and preferred to its own."""

        @classmethod
        def priority(cls) -> int:
            return 2

        def start(self, want_rgb: bool = True, **settings: Any) -> Any:
            program = os.path.join(self.data_dir, f"Versions/Base{self.version.build_version:05d}", self._exec_name)
            return GuardedProcess(self, exec_path=program, version=self.version, **settings)
