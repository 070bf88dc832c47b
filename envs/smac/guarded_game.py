"""The launch of pysc2's games with a parent-death signal (Linux).

Importing this module registers the launcher with pysc2. The system kills a game when its parent process dies.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from pysc2.lib.sc_process import StarcraftProcess
from pysc2.run_configs.platforms import Linux

from fedqmix.runtime.core.parent_death import ended_with_parent


class GuardedProcess(StarcraftProcess):
    """A game process with a parent-death signal (runtime.core.parent_death)."""

    def _launch(self, run_config: Any, args: list[str], **settings: Any) -> Any:
        return super()._launch(run_config, ended_with_parent(args), **settings)


class GuardedLinux(Linux):
    """The run configuration that pysc2 finds among RunConfig's subclasses, and prefers."""

    @classmethod
    def priority(cls) -> int | None:
        """Return 2 on Linux, above the 1 of pysc2's own."""
        return 2 if sys.platform == "linux" else None

    def start(self, want_rgb: bool = True, **settings: Any) -> Any:
        """Launch the game. want_rgb: ignored, as nothing is rendered."""
        program = os.path.join(self.data_dir, f"Versions/Base{self.version.build_version:05d}", self._exec_name)
        return GuardedProcess(self, exec_path=program, version=self.version, **settings)
