"""The end of a round: the metrics row, the checkpoint, and the decision whether the run ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from flwr.app import ArrayRecord

from fedqmix.conf.schema import CheckpointConfig, StopConfig
from fedqmix.runtime.core.facts import Returns
from fedqmix.runtime.core.world import Purpose, Score
from fedqmix.server.records import SCORES, Loggers, Row
from fedqmix.server.records.scores import RETURN, RETURN_BEFORE, RETURN_FIXED, WON_BEFORE, drop_wins, rank, with_std
from fedqmix.strategies import TeamStrategy


class MixerSide(Protocol):
    """The figures that the mixer's side reports to the server alone."""

    def report(self) -> dict[str, float]:
        """Return means since the last report, over training steps and training episodes.

        Over training steps: loss, td_error_abs, grad_norm. Over episodes: the names of `episode_means`.
        """

    def episode_means(self) -> dict[str, float]:
        """Return means over the training episodes since the last report.

        The names: battle_won_mean, return_mean, ep_length_mean. Empty without an episode, or when the means are
        unknown.
        """

    def evaluation_return(self, purpose: Purpose) -> Returns:
        """Return mean and spread of the team return in the last evaluation with episodes of this purpose."""


@dataclass
class Counters:
    """The server's counters over the whole run; part of every checkpoint."""

    round: int = 0
    env_step: int = 0
    last_evaluation: int = 0  # environment step
    evaluations: int = 0
    wins_in_a_row: int = 0  # evaluations at or above stop.win_rate or stop.return_mean
    best_win_rate: float = -1.0  # -1 before the first evaluation; then 0 in a world without wins
    best_return: float = 0.0  # of the best evaluation
    bytes_up: int = 0
    bytes_down: int = 0
    broken_battles: int = 0  # episodes played again because their game broke down
    elapsed_s: float = 0.0
    metrics_position: int = 0  # length of metrics.jsonl in bytes


Save = Callable[[int, ArrayRecord, Mapping[str, Any]], None]
"""Writes a checkpoint: round, aggregated arrays, counters."""


class RoundEnd:
    """The procedure after every round; it returns True to end the run.

    on_row: called with every round's row. save, save_best: write checkpoints. counters: a resumed run's counters.
    epsilon: returns the exploration rate after a number of environment steps. score: the metric that decides on the
    best networks and an early stop.
    """

    def __init__(
        self,
        strategy: TeamStrategy,
        mixer_side: MixerSide,
        loggers: Loggers,
        stop: StopConfig,
        checkpoint: CheckpointConfig,
        save: Save,
        save_best: Save,
        on_row: Callable[[Row], None],
        counters: Counters,
        epsilon: Callable[[int], float],
        score: Score,
    ) -> None:
        self.strategy = strategy
        self.mixer_side = mixer_side
        self.loggers = loggers
        self.stop = stop
        self.checkpoint = checkpoint
        self.save = save
        self.save_best = save_best
        self.on_row = on_row
        self.counters = counters
        self.epsilon = epsilon
        self.score = score
        self._told = self.refusals()  # those already in a row
        self._before: Row = {}  # the evaluation of the agents' own networks, before they were aggregated
        self._began = time.perf_counter() - counters.elapsed_s
        strategy.evaluated_before = self._note_before
        strategy.last_evaluation, strategy.evaluations = counters.last_evaluation, counters.evaluations
        strategy.env_step = counters.env_step

    def __call__(self, arrays: ArrayRecord) -> bool:
        """Record the round that ended; return whether the run ends.

        1. Update the counters.  2. After an evaluation: log a row of metrics, and save the best networks.
        3. Write a checkpoint when one is due.
        """
        record, counters = self.strategy.record, self.counters
        counters.round, counters.env_step = record.number, record.env_step
        counters.bytes_up += record.bytes_up
        counters.bytes_down += record.bytes_down
        counters.broken_battles += record.broken
        counters.elapsed_s = time.perf_counter() - self._began
        counters.last_evaluation, counters.evaluations = self.strategy.last_evaluation, self.strategy.evaluations
        row = drop_wins(self._progress_row(), self.score)
        if record.evaluation is not None:
            row |= drop_wins(self._evaluation_row(record.evaluation), self.score)
            self.loggers.log(row)
            self._judge(row, arrays)
        self.on_row(row)
        finished = self.finished()
        if finished or record.number % self.checkpoint.every_rounds == 0:
            self.write_checkpoint(arrays)
        return finished

    def finished(self) -> bool:
        """Return whether a stop condition holds: environment steps, rounds, or the score."""
        good = self._wanted() is not None and self.counters.wins_in_a_row >= self.stop.evaluations
        enough = self.stop.rounds is not None and self.counters.round >= self.stop.rounds
        return good or enough or self.counters.env_step >= self.stop.env_steps

    def write_checkpoint(self, arrays: ArrayRecord) -> None:
        """Write a checkpoint from which the run can be resumed."""
        self.counters.metrics_position = self.loggers.jsonl.position()
        self.save(self.counters.round, arrays, asdict(self.counters))

    def _progress_row(self) -> Row:
        record = self.strategy.record
        row: Row = {
            "env_step": record.env_step,
            "episode": record.episode,
            "round": record.number,
            "train_step": record.train_step,
            "elapsed_s": self.counters.elapsed_s,
            "epsilon": self.epsilon(record.env_step),
            "broken_battles": self.counters.broken_battles,
        }
        return row | self.mixer_side.episode_means()

    def _evaluation_row(self, evaluation: Mapping[str, float]) -> Row:
        record = self.strategy.record
        row: Row = {**evaluation, **self._returns(), **self._before, **self.mixer_side.report()}
        self._before = {}
        row |= {"fed/bytes_up": self.counters.bytes_up, "fed/bytes_down": self.counters.bytes_down}
        row |= {f"fed/weight_{agent}": weight for agent, weight in enumerate(record.weights)}
        row |= {f"fed/reward_{agent}": reward for agent, reward in enumerate(record.rewards)}
        self._told = self.refusals()
        row |= self._told
        row |= {f"fed/distance/{name}": distance for name, distance in record.distances.items()}
        return row

    def tell_refusals(self) -> None:
        """Log refusals that are in no row yet: those that ended the run."""
        refused = self.refusals()
        if refused != self._told:
            record = self.strategy.record
            self._told = refused
            self.loggers.log({"env_step": record.env_step, "round": record.number} | refused)

    def refusals(self) -> Row:
        """Return each agent's number of refusals so far; agents without any are absent."""
        return {f"fed/refused_{agent}": count for agent, count in enumerate(self.strategy.faults.counts) if count}

    def _returns(self) -> Row:
        row: Row = {}
        for name, purpose in zip((RETURN, RETURN_FIXED), self.strategy.evaluate_for, strict=False):
            row |= with_std(name, self.mixer_side.evaluation_return(purpose))
        return row

    def _note_before(self) -> None:
        """Store the returns before the next evaluation, as the mixer's side keeps only the last results."""
        won = self.strategy.record.won_before
        assert won is not None
        returned = self.mixer_side.evaluation_return(self.strategy.evaluate_for[0])
        self._before = {WON_BEFORE: won, **with_std(RETURN_BEFORE, returned)}

    def _judge(self, row: Row, arrays: ArrayRecord) -> None:
        counters, wanted = self.counters, self._wanted()
        good = wanted is not None and row[SCORES[self.score].mean] >= wanted
        counters.wins_in_a_row = counters.wins_in_a_row + 1 if good else 0
        if rank(row) > (counters.best_win_rate, counters.best_return):
            counters.best_win_rate, counters.best_return = rank(row)
            self.save_best(counters.round, arrays, dict(row))

    def _wanted(self) -> float | None:
        """Return the score at which training ends early; None when it never does."""
        return self.stop.win_rate if self.score is Score.WIN_RATE else self.stop.return_mean
