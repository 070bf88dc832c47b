"""Importing this makes pysc2 start games that the system kills once the process that started them has died (Linux)."""

from __future__ import annotations

import os
import sys
from typing import Any

from pysc2.lib.sc_process import StarcraftProcess
from pysc2.run_configs.platforms import Linux

from fedqmix.runtime.core.parent_death import ended_with_parent


class GuardedProcess(StarcraftProcess):
    """A game on a leash (runtime.core.parent_death)."""

    def _launch(self, run_config: Any, args: list[str], **settings: Any) -> Any:
        return super()._launch(run_config, ended_with_parent(args), **settings)


class GuardedLinux(Linux):
    """Found by pysc2 among RunConfig's subclasses, and preferred to its own."""

    @classmethod
    def priority(cls) -> int | None:
        """Return 2 on Linux, where pysc2's own says 1."""
        return 2 if sys.platform == "linux" else None

    def start(self, want_rgb: bool = True, **settings: Any) -> Any:
        """Launch the game. want_rgb: not looked at, as nothing is rendered."""
        program = os.path.join(self.data_dir, f"Versions/Base{self.version.build_version:05d}", self._exec_name)
        return GuardedProcess(self, exec_path=program, version=self.version, **settings)
