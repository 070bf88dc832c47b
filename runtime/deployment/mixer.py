"""The mixer in a process of its own: its state in one run.

Implements runtime.transport.mixer_service.MixerSide.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from fedqmix.envs import team_spec
from fedqmix.runtime.configuration.allowed import NOTHING, Allowed
from fedqmix.runtime.configuration.received import received, run_state
from fedqmix.runtime.core.coordinator import Coordinator
from fedqmix.runtime.core.facts import Learned, Returns
from fedqmix.runtime.core.rows import Rows
from fedqmix.runtime.core.timeline import Timeline, timeline
from fedqmix.runtime.core.world import EVALUATIONS, Floats, TeamSink, TeamSpec
from fedqmix.runtime.runs.lifecycle.sides import MixerSide
from fedqmix.runtime.runs.lifecycle.threads import share_out
from fedqmix.runtime.storage.rounds import Rounds

REPORT = "report"
"""A fact saved with a reported round: means over the training steps since the previous report."""


class DeployedMixer:
    """The mixer, its optimiser and the team's episodes of one run.

    state: the mixer's private folder; each run has one of its own in it. config_yaml: the run's settings.
    allowed: the code that they may name.
    """

    def __init__(self, state: Path, run_id: str, config_yaml: str, allowed: Allowed = NOTHING) -> None:
        config = received(config_yaml, "mixer", allowed)
        share_out(config.runtime)
        spec = self._spec = team_spec(config.map, config.env)
        self._rounds = Rounds(run_state(state, run_id), run_id, lambda: MixerSide(config, spec), "the mixer")

    @property
    def spec(self) -> TeamSpec:
        """The team's sizes."""
        return self._spec

    @property
    def device(self) -> torch.device:
        """The device of the mixer network."""
        return self._rounds.thing.device

    @property
    def coordinator(self) -> Coordinator:
        """The local team's side of a training step."""
        return self._rounds.thing.learner

    @property
    def rows(self) -> Rows:
        """The rows that the run's algorithm declares."""
        return self._rounds.thing.learner.rows

    @property
    def sink(self) -> TeamSink:
        """The receiver of the world's states and team rewards."""
        return self._rounds.thing.records

    def timeline(self) -> Timeline:
        """Return how the episodes of the next training step are laid out."""
        side = self._rounds.thing
        return timeline(side.records.ring.lengths(side.learner.slots))

    def begin_with(self, initial: Mapping[str, Floats]) -> None:
        """Replace the mixer's state before the first round by one with other parameters.

        Raises RefusedError for other names or shapes than its own.
        """
        side = self._rounds.change(0)
        side.learner.begin_with({name: torch.from_numpy(value) for name, value in initial.items()})
        self._rounds.commit(0)

    def restore(self, round: int) -> Mapping[str, float] | None:
        """Load the state at the end of a round; return the report that was saved with it, if any.

        Raises CheckpointError when that state is missing.
        """
        self._rounds.change(round)
        report: dict[str, float] | None = self._rounds.facts.get(REPORT)
        return report

    def save(self, round: int, report: Mapping[str, float] | None) -> None:
        """Save the state at the end of a round, with its report if one was requested."""
        self._rounds.commit(round, {} if report is None else {REPORT: dict(report)})

    def report(self) -> dict[str, float]:
        """Return means over the training steps and episodes since the last report."""
        return self._rounds.thing.learner.report()

    def learned(self) -> Learned:
        """Return the training steps, and the agents' values out of bounds since `forget_faults`."""
        return self._rounds.thing.learner.learned()

    def forget_faults(self) -> None:
        """Reset the record of values out of bounds, at the start of an attempt."""
        self._rounds.thing.learner.forget_faults()

    def episode_means(self) -> dict[str, float]:
        """Return the training episodes' means since the last report, without resetting them."""
        return self._rounds.thing.learner.episode_means()

    def evaluation_returns(self) -> dict[str, Returns]:
        """Return mean and spread of the team return in the last evaluation, by purpose.

        Empty when there was none since the process started.
        """
        learner = self._rounds.thing.learner
        played = [purpose for purpose in EVALUATIONS["both"] if learner.records.results(purpose)]
        return {purpose.value: learner.evaluation_return(purpose) for purpose in played}

    def close(self) -> None:
        """Do nothing: there are no resources to release."""
