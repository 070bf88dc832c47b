"""The check that runs side by side fit into memory together."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.conf.schema import Config
from fedqmix.runtime.runs.lifecycle.memory_need import of_run, require_memory
from fedqmix.runtime.runs.side_by_side.cores import side_by_side

ADVICE = "Fewer run at once with a larger runtime.threads; or free some memory, or choose a smaller model.hidden."


def memory_warning(waiting: Sequence[Config], *, resumed: bool) -> str | None:
    """Check that the largest runs fit into memory side by side; return a warning, if any.

    waiting: configurations of the runs to train. resumed: whether the size of their buffers is fixed.
    Raises ConfigurationError when the runs cannot begin.
    """
    if not waiting:
        return None
    needs = sorted(map(of_run, waiting), key=lambda need: need.full, reverse=True)
    at_once = len(needs) if needs[0].gpu else side_by_side(len(needs), waiting[0].runtime.threads)
    what = f"{at_once} runs side by side" if at_once > 1 else "the largest run"
    return require_memory(needs[:at_once], what, ADVICE, resumed=resumed)
