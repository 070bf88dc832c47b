"""A World of rules in numpy: checked, with episodes that end and stay ended (env=own, and small suites)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.actions import refuse_number, require_available, require_shape
from fedqmix.envs.own.rules import Outcome, Rules
from fedqmix.envs.time_steps import allocate
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import FedqmixError, WorldError
from fedqmix.runtime.core.own_code import place_of
from fedqmix.runtime.core.world import (
    Bools,
    EpisodeBatch,
    Integers,
    Purpose,
    TeamSink,
    TeamSpec,
    TimeStep,
)

NO_OP = 0


class RulesWorld:
    """A World around rules in numpy.

    It draws each episode's generator, checks actions before the rules get them and results before agents do,
    truncates episodes at the limit, and keeps ended ones as they ended.
    """

    def __init__(self, spec: TeamSpec, seed: int, sink: TeamSink, rules: Rules, suite: str, source: str) -> None:
        """Build the world.

        spec: the sizes with the task's name. rules: for this world alone. suite: its env.name, a part of every random
        draw. source: the name of the rules in errors, such as "env.code=my_world.py:Mine".
        """
        self._spec, self._seed, self._sink = spec, seed, sink
        self._rules, self._suite, self._source = rules, suite, source
        self._batch = EpisodeBatch(Purpose.TRAINING, 0, 0)
        self._closed = False

    @property
    def spec(self) -> TeamSpec:
        """The sizes of everything this world returns."""
        return self._spec

    @property
    def game(self) -> str:
        """The name of the rules' class."""
        return type(self._rules).__name__

    def begin(self, batch: EpisodeBatch) -> TimeStep:
        """Begin a batch of episodes and return its first time step.

        Raises WorldError for an empty batch, for rules that fail, and when the world is closed.
        """
        self._check_open()
        if batch.count < 1:
            raise WorldError(f"A batch has at least 1 episode; asked for {batch.count}.")
        role = f"{self._suite}.{batch.purpose}"
        episodes = [seeds.generator(self._seed, role, batch.first + episode) for episode in range(batch.count)]
        outcome = self._call(lambda: self._rules.begin(episodes))
        exists = self._array(outcome, "exists", (self._spec.n_agents, batch.count), np.bool_)
        self._time_step, self._team = allocate(self._spec, batch.count)
        self._time_step.exists[:] = exists
        self._batch, self._steps = batch, 0
        self._store(outcome, np.zeros(batch.count, np.bool_), rewards=False)
        self._sink.begin(batch, self._team)
        return self._time_step

    def step(self, actions: Integers) -> TimeStep:
        """Take one environment step in every episode.

        Raises UnavailableActionError, before the rules see it, for an action whose mask is False. Raises WorldError
        for actions of another shape or type, for rules that fail, and when the world is closed.
        """
        self._check_open()
        require_shape(actions, self._spec.n_agents, self._batch.count, "episode")
        over = self._time_step.terminated | self._time_step.truncated
        require_available(actions, self._time_step.available_actions, over, refuse_number)
        played = np.where(over, NO_OP, actions)
        outcome = self._call(lambda: self._rules.step(played))
        self._steps += 1
        self._store(outcome, over, rewards=True)
        self._sink.record(self._team)
        return self._time_step

    def close(self) -> None:
        """Release the rules. A closed world cannot be used again."""
        self._closed = True

    def _store(self, outcome: Outcome, over: Bools, *, rewards: bool) -> None:
        """Check an outcome, then store it for the episodes that were running; the ended ones stay as they ended.

        rewards: False at the beginning, where nothing is earned and nothing ends.
        """
        spec, count, time_step, team = self._spec, self._batch.count, self._time_step, self._team
        agents, running = (spec.n_agents, count), ~over
        here = time_step.exists & running
        seen = self._array(outcome, "observations", (*agents, spec.obs_dim), np.float32)
        state = self._array(outcome, "state", (count, spec.state_dim), np.float32)
        available = self._array(outcome, "available_actions", (*agents, spec.n_actions), np.bool_)
        own = self._array(outcome, "individual_rewards", agents, np.float32)
        reward = self._array(outcome, "team_reward", (count,), np.float32)
        terminated = self._array(outcome, "terminated", (count,), np.bool_) & running & rewards
        won = self._array(outcome, "won", (count,), np.bool_) & terminated
        for name, array, counts in (
            ("observations", seen, here),
            ("individual_rewards", own, here),
            ("state", state, running),
            ("team_reward", reward, running),
        ):
            self._require_finite(name, array, counts)
        only_no_op = np.arange(spec.n_actions) == NO_OP
        available = np.where((here & ~terminated)[..., None], available, only_no_op)
        self._require_some(available)
        np.copyto(time_step.observations, np.where(here[..., None], seen, 0), where=running[:, None])
        time_step.available_actions[:] = available
        time_step.individual_rewards[:] = np.where(here & rewards, own, 0)
        np.copyto(team.state, state, where=running[:, None])
        team.team_reward[:] = np.where(running & rewards, reward, 0)
        time_step.terminated[:] |= terminated
        time_step.won[:] |= won
        time_step.truncated[:] |= running & ~terminated & (self._steps >= spec.episode_limit)

    def _array(self, outcome: Outcome, name: str, shape: tuple[int, ...], kind: type) -> NDArray[Any]:
        """Return one of the outcome's arrays in its shape and type. Raises WorldError that names it."""
        value = getattr(outcome, name)
        try:
            given: NDArray[Any] = np.asarray(value)
        except (TypeError, ValueError) as error:
            raise WorldError(f"{self._source}: {name} is not an array of numbers: {error}.") from error
        if given.dtype.kind not in "biuf":
            raise WorldError(f"{self._source}: {name} is of type {given.dtype}; needed: real numbers.")
        if given.shape not in ((), shape):
            raise WorldError(f"{self._source}: {name} has shape {list(given.shape)}; needed: {list(shape)}.")
        if kind is np.bool_ and not np.isin(given, (0, 1)).all():
            raise WorldError(f"{self._source}: {name} holds other values than True and False.")
        with np.errstate(over="ignore"):  # a number too large for float32 is reported as not finite
            return np.broadcast_to(given.astype(kind), shape)

    def _require_finite(self, name: str, array: NDArray[Any], counts: Bools) -> None:
        """Check an array where it counts: [agents, episodes] or [episodes] of `counts`, whatever follows."""
        finite = np.isfinite(array).reshape(*counts.shape, -1).all(-1)
        wrong = np.argwhere(counts & ~finite)
        if len(wrong):
            *agent, episode = wrong[0]
            whose = f" of agent {agent[0]}" if agent else ""
            raise WorldError(
                f"{self._source}: {name}{whose} is not finite in {self._batch.purpose} episode "
                f"{self._batch.first + episode}, environment step {self._steps}."
            )

    def _require_some(self, available: Bools) -> None:
        nothing = np.argwhere(~available.any(-1))
        if len(nothing):
            agent, episode = nothing[0]
            raise WorldError(
                f"{self._source}: agent {agent} has no available action in episode {episode}; at least one is needed."
            )

    def _call(self, rules: Callable[[], object]) -> Outcome:
        """Call the rules. Raises WorldError with the line of the user's code that failed."""
        try:
            outcome = rules()
        except FedqmixError:
            raise
        except (Exception, SystemExit) as error:  # whatever rules raise, such as a user's
            raise WorldError(f"{self._source} failed: {type(error).__name__}: {error} ({place_of(error)}).") from error
        if not isinstance(outcome, Outcome):
            raise WorldError(f"{self._source} returned a {type(outcome).__name__}; needed: fedqmix.envs.own.Outcome.")
        return outcome

    def _check_open(self) -> None:
        if self._closed:
            raise WorldError("This world is closed; make a new one.")
