"""The World of env=skirmish: a batch of parallel battles."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fedqmix.envs.actions import refuse, require_shape
from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.arrays import BATTLE, MOST_UNITS, UNIT, Records
from fedqmix.envs.skirmish.battle import Views, set_up_battles, step_battles
from fedqmix.envs.skirmish.gathered import SCRATCH_LENGTH
from fedqmix.envs.skirmish.layout import make_layout
from fedqmix.envs.skirmish.movement import ROWS
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.envs.skirmish.random_teams.opening import make_random_teams, open_random_teams
from fedqmix.envs.skirmish.rewards import make_reward_rules
from fedqmix.envs.skirmish.scene import make_scene
from fedqmix.envs.skirmish.smacv2.opening import make_opening, open_scenarios
from fedqmix.envs.skirmish.smacv2.scenarios import names_before_targets
from fedqmix.envs.skirmish.spec import spec_of
from fedqmix.envs.skirmish.starts import shift_battles
from fedqmix.envs.skirmish.teams import make_units
from fedqmix.envs.skirmish.variation import make_variation, vary_battles
from fedqmix.envs.units import unit_names
from fedqmix.runtime.core.errors import WorldError
from fedqmix.runtime.core.seeds import key
from fedqmix.runtime.core.world import (
    Bools,
    EpisodeBatch,
    Floats,
    Floats64,
    Integers,
    Purpose,
    TeamSink,
    TeamSpec,
    TeamTimeStep,
    TimeStep,
    UnitRecord,
)
from fedqmix.runtime.kernels.compile import machine_code
from fedqmix.runtime.kernels.episodes import OPENING, STEPPING, first_forbidden
from fedqmix.runtime.kernels.spinning import SpinningThreads, WorkQueue
from fedqmix.runtime.kernels.thread_pool import ThreadPool

FEWEST = 8  # battles per thread; with fewer a second thread costs more than it saves


class SkirmishWorld:
    """A World of one map's battles, which compiled kernels advance in ranges.

    In the TimeStep that truncates a battle, the masks are still those of its units, so that a learner can bootstrap
    from them. In later time steps, as after a battle that terminated, only the no-op is available.
    """

    def __init__(self, record: MapRecord, seed: int, env: SkirmishOptions, sink: TeamSink, threads: int = 1) -> None:
        """Build the world. Arguments as for envs.make_world."""
        self._record = record
        self._seed = seed
        self._sink = sink
        self._layout = make_layout(record, env)
        self._spec = spec_of(record, env)
        self._scene = make_scene(record, self._layout.vision)
        self._opening = make_opening(record, env) if record.smacv2 else None
        self._random_teams = make_random_teams(record) if record.random_teams else None
        self._reward_rules = make_reward_rules(record, env)
        self._template = make_units(record)
        self._variation = make_variation(record, env)
        self._attack = np.array(record.attack, dtype=np.float64)
        self._thread_pool = ThreadPool(threads)
        self._spinning_threads = SpinningThreads(threads - 1)
        self._vary = env.starts == "varied"  # for all battles except evaluations from fixed places
        self._shifts = False  # whether the batch's starting places are drawn around the map's
        self._step_code: Any = None  # compiled or loaded when the first batch begins
        self._closed = False
        self._allocate(0)

    @property
    def spec(self) -> TeamSpec:
        """The sizes of everything this world returns."""
        return self._spec

    @property
    def game(self) -> str:
        """The world's name; its version is the package's."""
        return "skirmish"

    def begin(self, battles: EpisodeBatch) -> TimeStep:
        """Begin a batch of battles, which replaces the last one; return the first TimeStep.

        Raises WorldError when the batch is empty or the world is closed.
        """
        self._check_open()
        if battles.count < 1:
            raise WorldError(f"A batch needs at least one battle; asked for {battles.count}.")
        if battles.count != self._count:
            self._allocate(battles.count)
            self._prepare()
        for b in range(battles.count):
            self._keys[b] = key(self._seed, battles.purpose.value, battles.first + b)
        drawn = self._variation.positions or self._opening is not None or self._random_teams is not None
        self._shifts = self._varies(battles.purpose) and not drawn
        self._thread_pool.share(self._begin, self._count, FEWEST)
        self._spinning_threads.share(self._work_queue, self._work, OPENING)
        if self._random_teams is not None:
            self._exists[:] = ~self._units["absent"][:, : self._layout.n_agents].T
            self._leave_out()
        self._sink.begin(battles, self._team)
        return self._time_step

    def _varies(self, purpose: Purpose) -> bool:
        always = self._vary and purpose is not Purpose.EVALUATION
        return always or purpose is Purpose.VARIED_EVALUATION

    def _begin(self, first: int, last: int) -> None:
        units, battles = self._units, self._battles
        n_agents, attack = self._layout.n_agents, self._attack
        set_up_battles(n_agents, attack, self._template, self._keys, units, battles, first, last)
        if self._opening is not None:
            room = np.empty((ROWS, MOST_UNITS))
            open_scenarios(self._scene, self._opening, self._keys, units, battles, room, first, last)
        if self._random_teams is not None:
            room = np.empty((ROWS, MOST_UNITS))
            open_random_teams(self._scene, self._random_teams, self._keys, units, battles, room, first, last)
        if self._variation.types or self._variation.positions:
            vary_battles(self._scene, self._variation, units, first, last)
        if self._shifts:
            shift_battles(self._scene, units, first, last)

    def step(self, actions: Integers) -> TimeStep:
        """Take one environment step in every battle.

        actions: [agents, battles] int64. Agents of battles that are over take action 0; right after a truncation any
        action that the mask allows is accepted instead.
        Raises UnavailableActionError, before any unit moves, when an action's mask is False.
        Raises WorldError when the shape or type is wrong or no battle was begun.
        """
        self._check_open()
        self._actions[:] = self._checked(actions)
        self._spinning_threads.share(self._work_queue, self._work, STEPPING)
        self._leave_out()
        self._sink.record(self._team)
        return self._time_step

    def _leave_out(self) -> None:
        """Remove the time from the observations of agents that do not exist, all other numbers of which are 0."""
        if self._random_teams is not None and self._layout.obs_timestep:
            self._views.observations[~self._exists] = 0.0

    def _prepare(self) -> None:
        """Bind the kernel's code to this batch's arrays.

        A helper thread may still read the last batch's work queue, so the old binding must not change.
        """
        if self._step_code is None:
            self._step_code = machine_code(step_battles, *self._fixed, *_scratch(), self._work_queue, 0)
        self._work = partial(_work, self._step_code, self._fixed, self._work_queue)

    def snapshot(self, battle: int) -> list[UnitRecord]:
        """List all units of one battle of the current batch, allies first, each side by index.

        Raises WorldError when the batch has no such battle or the world is closed.
        """
        self._check_open()
        if not 0 <= battle < self._count:
            raise WorldError(f"There is no battle {battle}: the batch has battles 0 to {self._count - 1}.")
        n_agents = self._layout.n_agents
        kinds = self._scene.kinds
        return [
            UnitRecord(
                side="ally" if number < n_agents else "enemy",
                index=number if number < n_agents else number - n_agents,
                type=unit_names()[unit["kind"]],
                x=float(unit["x"]),
                y=float(unit["y"]),
                health=float(unit["health"]),
                shield=float(unit["shield"]),
                energy_or_cooldown=float(unit["energy"] if kinds["energy_max"][unit["kind"]] else unit["cooldown"]),
                last_action=max(int(unit["last_action"]), 0),
                health_max=float(kinds["health_max"][unit["kind"]]),
                shield_max=float(kinds["shield_max"][unit["kind"]]),
                radius=float(kinds["radius"][unit["kind"]]),
                target=int(unit["acted_on"]),
            )
            for number, unit in enumerate(self._units[battle])
        ]

    def units_of_all_battles(self) -> Records:
        """Return records of arrays.Unit [battles, units], allies first, valid until the next call."""
        self._check_open()
        return self._units

    def steps_taken(self) -> Records:
        """Return the number of environment steps of each battle so far: [battles]."""
        self._check_open()
        return self._battles["steps"]

    def outcomes(self) -> Bools:
        """Return which battles are won: [battles]."""
        self._check_open()
        return self._views.won

    def copy_battles(self, sources: Integers) -> TimeStep:
        """Make battle b a copy of battle sources[b], future random draws included.

        sources: [battles] int64. Returns the copies' TimeStep. The sink gets no record.
        Planning players use the copies to try out actions. Raises WorldError for an invalid source.
        """
        self._check_open()
        if sources.shape != (self._count,) or sources.min() < 0 or sources.max() >= self._count:
            raise WorldError(f"The battles to copy must be {self._count} numbers from 0 to {self._count - 1}.")
        views = self._views
        flags = views.terminated, views.truncated, views.won
        for array in (self._units, self._battles, views.state, views.team_reward, *flags):
            array[:] = array[sources]
        for array in (views.observations, views.available, views.individual_rewards, self._exists):
            array[:] = array[:, sources]
        return self._time_step

    def close(self) -> None:
        """Release the threads. A closed world cannot be used again."""
        self._closed = True
        self._thread_pool.close()
        self._spinning_threads.close()

    def _allocate(self, count: int) -> None:
        layout = self._layout
        self._count = count
        self._units = np.zeros((count, layout.n_agents + layout.n_enemies), dtype=UNIT)
        self._battles = np.zeros(count, dtype=BATTLE)
        self._keys = np.zeros(count, dtype=np.uint64)
        self._views = views = Views(
            observations=np.zeros((layout.n_agents, count, layout.obs_dim), dtype=np.float32),
            available=np.zeros((layout.n_agents, count, layout.n_actions), dtype=np.bool_),
            state=np.zeros((count, layout.state_dim), dtype=np.float32),
            individual_rewards=np.zeros((layout.n_agents, count), dtype=np.float32),
            team_reward=np.zeros(count, dtype=np.float32),
            terminated=np.zeros(count, dtype=np.bool_),
            truncated=np.zeros(count, dtype=np.bool_),
            won=np.zeros(count, dtype=np.bool_),
        )
        self._actions = np.zeros((layout.n_agents, count), dtype=np.int64)
        self._work_queue = self._spinning_threads.work_queue(count, FEWEST)
        rules = self._reward_rules
        self._fixed = (self._layout, self._scene, rules, self._units, self._battles, self._actions, views)
        flags = (views.terminated, views.truncated, views.won, np.zeros(count, dtype=np.bool_))
        self._exists = exists = np.ones((layout.n_agents, count), np.bool_)
        self._time_step = TimeStep(views.observations, views.available, views.individual_rewards, *flags, exists)
        self._team = TeamTimeStep(views.state, views.team_reward, *flags, exists)

    def _checked(self, actions: Integers) -> Integers:
        require_shape(actions, self._layout.n_agents, self._count)
        actions = np.ascontiguousarray(actions)
        views = self._views
        agent, battle = first_forbidden(actions, views.available, views.terminated, views.truncated)
        if agent >= 0:
            names = names_before_targets(self._layout.vision.turns)
            refuse(agent, battle, int(actions[agent, battle]), views.available[agent, battle], names)
        return actions

    def _check_open(self) -> None:
        if self._closed:
            raise WorldError("This world is closed; make a new one.")


def _work(code: Any, fixed: tuple[Any, ...], work_queue: WorkQueue, seat: int) -> None:
    code(*fixed, *_scratch(), work_queue, seat)


def _scratch() -> tuple[Floats64, Floats]:
    return np.empty((ROWS, MOST_UNITS)), np.empty(SCRATCH_LENGTH, dtype=np.float32)
