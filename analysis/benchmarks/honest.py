"""The margin of honest teams below the bounds on messages to the mixer (server/bounds.py).

    python -m fedqmix.analysis.benchmarks.honest map=3m experiment=tuned stop.rounds=2 [name=value ...]

trains a team in a temporary folder and prints its largest ratios as a line of JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from flwr.app import Message, MessageType

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import FedqmixError
from fedqmix.runtime.runs.lifecycle.conduct import conduct
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.lifecycle.threads import share_out
from fedqmix.runtime.runs.local.train import LocalFederation
from fedqmix.server.bounds import median_of_others, value_ranges
from fedqmix.server.team_learner import TeamLearner
from fedqmix.strategies.checks import change_norms, numbers
from fedqmix.strategies.local_grid import Answer
from fedqmix.strategies.replies import arrays_of

RATIOS = ("q_to_reward", "q_to_others", "norm_to_others", "row_to_others", "update_to_others")


class Watched:
    """A team's learner that records the largest ratios of the values it is sent.

    q_to_reward: |Q| to R / (1 - gamma). q_to_others, norm_to_others, row_to_others: an agent's largest |Q|, gradient
    norm and pooled row to the other agents' median. update_to_others: an agent's update norm of a round to the other
    agents' median, the largest of all kinds of arrays (strategies.checks.change_norms). steps: training steps.
    """

    def __init__(self, learner: TeamLearner) -> None:
        self.learner = learner
        self.ratios = dict.fromkeys(RATIOS, 0.0)
        self.steps = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.learner, name)

    def exchange(self, rows: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """See runtime.core.coordinator.Coordinator."""
        values = {row.name: rows[row.name] for row in self.learner.rows if row.q_value}
        ranges = value_ranges(values).abs().view(2 * len(values), -1).amax(0).tolist()
        worth = self.learner.records.largest_reward * self.learner.bounds.horizon
        if worth > 0:
            self._keep("q_to_reward", max(ranges) / worth)
        self._compare("q_to_others", ranges)
        self.steps += 1
        return self.learner.exchange(rows)

    def pool(self, gradients: torch.Tensor) -> torch.Tensor:
        """See runtime.core.coordinator.Coordinator."""
        self._compare("row_to_others", torch.linalg.vector_norm(gradients, dim=1).tolist())
        return self.learner.pool(gradients)

    def clip(self, squared_norms: torch.Tensor) -> float:
        """See runtime.core.coordinator.Coordinator."""
        self._compare("norm_to_others", squared_norms.sqrt().tolist())
        return self.learner.clip(squared_norms)

    def around(self, answers: Answer) -> Answer:
        """Return a wrapper of `answers` that measures the updates in training replies."""

        def answer(questions: Sequence[Message]) -> list[Message]:
            replies = answers(questions)
            if questions[0].metadata.message_type == MessageType.TRAIN:
                pairs = zip(replies, questions, strict=True)
                changes = [change_norms(numbers(arrays_of(back)), numbers(arrays_of(sent))) for back, sent in pairs]
                for kind in changes[0]:
                    self._compare("update_to_others", [change[kind] for change in changes])
            return replies

        return answer

    def _compare(self, name: str, values: Sequence[float]) -> None:
        for agent, value in enumerate(values):
            if (median := median_of_others(values, agent)) > 0:
                self._keep(name, value / median)

    def _keep(self, name: str, ratio: float) -> None:
        self.ratios[name] = max(self.ratios[name], ratio)


def watch(config: Config, path: Path) -> Watched:
    """Train a run in this process, in the folder `path`; return its learner with the ratios."""
    share_out(config.runtime)
    folder = RunFolder.create(path, config, ["fedqmix", "train"])
    try:

        def around(answers: Answer) -> Answer:
            return watched.around(answers)

        federation = LocalFederation(config, folder, around=around)
        watched = Watched(federation.team.mixer)
        federation.team.mixer = cast(TeamLearner, watched)
        conduct(config, folder, ["fedqmix", "train"], lambda: federation, lambda row: None, lambda text: None)
    finally:
        folder.close()
    return watched


def main(words: Sequence[str]) -> int:
    """Train a team and print its ratios.

    words: as for `fedqmix train`, without run_dir. Returns the exit status.
    """
    with tempfile.TemporaryDirectory(prefix="fedqmix-honest-") as parent:
        try:
            config = compose([*words, f"run_dir={parent}/run"])
            watched = watch(config, Path(config.run_dir))
        except FedqmixError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    ratios = {name: round(value, 4) for name, value in watched.ratios.items()}
    print(json.dumps({"map": config.map, "steps": watched.steps, **ratios, "noted": sorted(watched.faults)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
