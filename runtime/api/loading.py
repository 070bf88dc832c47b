"""Loading of a trained team from a run folder or one of its checkpoints."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from fedqmix.conf.fields import with_known
from fedqmix.envs import team_spec
from fedqmix.runtime.api.team import Team
from fedqmix.runtime.configuration.runs import PARTIES, RUN, require_run
from fedqmix.runtime.configuration.settings import load as load_config
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.runs.lifecycle.resuming import AGENTS
from fedqmix.runtime.runs.local.trained import parameters_to_play, round_of, to_play
from fedqmix.runtime.storage import reading
from fedqmix.runtime.storage.archive import SUFFIX


def load(path: str | os.PathLike[str], *, allow_code: bool = False) -> Team:
    """Load a trained team.

    path: a run folder, whose newest checkpoint is loaded, or a checkpoint in it (RUN/checkpoints/best, .../round-...).
    allow_code: a run with `model=own` names code; it is imported only with True. So is the code of a run's world
    (env.code) when `evaluate` plays with the team.
    Raises CheckpointError for a path that is neither, a damaged or unfit checkpoint, and a federation's run with
    personal parameters: its agents own them. Raises ConfigurationError for settings that are not valid, and for code
    that is not allowed.
    """
    place = Path(path)
    run = _run_around(place)
    own = load_config(run)
    if not allow_code:
        own = replace(own, env=with_known(own.env, code=None))
    config = to_play(own)
    if config.model.name == "own" and not allow_code:
        raise ConfigurationError(
            f"{run} was trained with model.code={config.model.code}, which is imported to load its networks. Allow it "
            "with allow_code=True, if you trust this run folder and that code."
        )
    spec = team_spec(config.map, config.env)
    checkpoint = reading.load(reading.locate(place))
    try:
        parameters = parameters_to_play(checkpoint, config, spec)
    except CheckpointError as error:
        if AGENTS in checkpoint.tensors:
            raise
        raise CheckpointError(
            f"{checkpoint.path} is of a federation, and has only what its agents share: {error}. Each agent owns the "
            f"rest, in its own folder ({PARTIES}/agent-K in the run folder after `fedqmix up`), and `fedqmix up "
            "resume=...` goes on with it. Metrics, settings and summary of the run can be read."
        ) from error
    return Team(own, spec, parameters, checkpoint.path, round_of(checkpoint))


def checkpoint_of(run: Path, which: str | int) -> Path:
    """Return a run's checkpoint. which: "best", "last", or a round.

    Raises CheckpointError when there is none, ConfigurationError for any other word.
    """
    folder = run / reading.CHECKPOINTS
    found = reading.rounds(folder)
    if which == reading.BEST:
        best = reading.best(folder)
        if best is None:
            raise CheckpointError(f"{run} has no best networks: no evaluation has been finished yet.")
        return best
    if which == "last":
        return reading.locate(run)
    if isinstance(which, bool) or not isinstance(which, int):
        raise ConfigurationError(f"{which!r} is not a valid choice: 'best', 'last' or the number of a round.")
    if which not in found:
        rounds = ", ".join(map(str, found)) or "none"
        raise CheckpointError(
            f"{run} has no checkpoint of round {which}; there are those of rounds {rounds} (checkpoint.keep=N keeps "
            "more of them)."
        )
    return found[which]


def _run_around(place: Path) -> Path:
    """Return the run folder that a path is, or to which its checkpoint belongs. Raises CheckpointError."""
    if place.name.endswith(SUFFIX) and place.is_file():
        raise CheckpointError(f"{place} is a collected run: it has settings, metrics and a summary, and no networks.")
    for run, inner in ((place.parent.parent, place.parent), (place.parent, place)):
        if inner.name == reading.CHECKPOINTS and (run / RUN).is_file():
            return run
    require_run(place)
    return place
