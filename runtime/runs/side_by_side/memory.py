"""Whether runs side by side fit into memory together."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.conf.schema import Config
from fedqmix.runtime.runs.lifecycle.memory_need import of_run, require_memory
from fedqmix.runtime.runs.side_by_side.cores import side_by_side

ADVICE = "Fewer run at once with a larger runtime.threads; or free some memory, or choose a smaller model.hidden."


def memory_warning(waiting: Sequence[Config], *, resumed: bool) -> str | None:
    """Check that those which run at once fit into memory, the largest first; return what to warn of, if anything.

    waiting: the runs that are still to be trained. resumed: whether the size of their buffers is settled.
    Raises ConfigurationError when they cannot even begin.
    """
    if not waiting:
        return None
    needs = sorted(map(of_run, waiting), key=lambda need: need.full, reverse=True)
    at_once = len(needs) if needs[0].gpu else side_by_side(len(needs), waiting[0].runtime.threads)
    what = f"{at_once} runs side by side" if at_once > 1 else "the largest run"
    return require_memory(needs[:at_once], what, ADVICE, resumed=resumed)
