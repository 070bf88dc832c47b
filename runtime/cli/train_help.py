"""`fedqmix train --help [TOPIC ...]`; apart from the command, so that help waits for no torch and no Flower."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.runtime.configuration.explaining import explain, explain_groups

_HELP = """\
fedqmix train [name=value ...]    every setting is an override; the choices of the groups:

{groups}

single settings: map=3m seed=1 stop.env_steps=300000 algorithm.batch_size=32 strategy.shared=[head.*] ...
name, default, range and meaning of each: --help algorithm, --help algorithm=ow_qmix; likewise strategy, env, model,
runtime, logger, evaluation, checkpoint, stop
several seeds at once: seeds=[1,2,3]                   resume a run or several seeds: resume=FOLDER
several runs in turn: -m strategy=none,a_pps seed=1,2,3
"""


def help_text(topics: Sequence[str] = ()) -> str:
    """Return the help text of `fedqmix train`, or the settings that the topics name.

    Raises ConfigurationError for an unknown topic.
    """
    if topics:
        return "\n\n".join(explain(topic) for topic in topics) + "\n"
    return _HELP.format(groups=explain_groups())
