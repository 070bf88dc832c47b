"""One episode of env=skirmish at a time, behind the interfaces that other libraries know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.factory import team_spec
from fedqmix.envs.maps import load_map
from fedqmix.envs.replays.record import Occasion, Replay
from fedqmix.envs.replays.recording import Recording, units_of
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.envs.team_view import TeamView
from fedqmix.runtime.core.errors import ConfigurationError, WorldError
from fedqmix.runtime.core.world import (
    Bools,
    EpisodeBatch,
    Floats,
    Integers,
    Purpose,
    TeamSpec,
    TimeStep,
    UnitRecord,
)

if TYPE_CHECKING:  # importing it loads kernels, which only playing needs
    from fedqmix.envs.skirmish.world import SkirmishWorld

WIDTH = 640  # pixels of a picture
MARGIN = 1  # map cells around the walkable part of the map


class EpisodePlayer:
    """A player of one map's episodes, one after another; the world is built when the first one begins.

    A pickled or copied player holds settings and the number of the next episode, not the episode that runs.
    """

    def __init__(self, map: str, seed: int, env: SkirmishOptions) -> None:
        """Set up the sizes. Raises ConfigurationError for an unknown map, and for another world than skirmish."""
        if env.name != "skirmish":
            raise ConfigurationError(f"name={env.name!r} is not played through this interface; allowed: skirmish.")
        self.spec: TeamSpec = team_spec(map, env)
        self._env = env
        self._world: SkirmishWorld | None = None
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Set the seed, which fixes all episodes; the next episode is the first one of this seed."""
        self.seed = seed
        self._next = 0
        self._forget()

    def begin(self) -> None:
        """Begin the next episode."""
        if self._world is None:
            self._world = self._make_world(self._team)
        self._batch = EpisodeBatch(Purpose.TRAINING, self._next, 1)
        self._next += 1
        self._actions: list[Integers] = []
        self._return = 0.0
        self._painter: Any = None
        self._keep(self._world.begin(self._batch))

    def step(self, actions: Integers) -> None:
        """Take one environment step.

        actions: [agents] int64. Raises WorldError when no episode is running, and UnavailableActionError, which
        names agent and action, before any unit moves.
        """
        self._keep(self._running().step(actions[:, None]))
        self._actions.append(actions.copy())
        self._return += self.team_reward

    def close(self) -> None:
        """Release the world; the next episode builds another one."""
        self._forget()

    @property
    def begun(self) -> bool:
        """Whether an episode was begun (it may be over)."""
        return self._world is not None

    @property
    def over(self) -> bool:
        """Whether no episode is running."""
        return self._world is None or self.terminated or self.truncated

    @property
    def team_reward(self) -> float:
        """The team's reward of the last environment step; 0 at the beginning."""
        return float(self._team.time_step.team_reward[0])

    @property
    def state(self) -> Floats:
        """The global state: a copy, [state_dim]. Raises WorldError when no episode was begun."""
        self._opened()
        state: Floats = self._team.time_step.state[0].copy()
        return state

    def units(self) -> list[UnitRecord]:
        """List all units, allies first. Raises WorldError when no episode was begun."""
        return self._opened().snapshot(0)

    def dead(self) -> tuple[int, int]:
        """Return how many allies and how many enemies are dead. Raises WorldError when no episode was begun."""
        dead = self._opened().units_of_all_battles()["health"][0] <= 0
        return int(dead[: self.spec.n_agents].sum()), int(dead[self.spec.n_agents :].sum())

    def picture(self) -> NDArray[np.uint8]:
        """Draw this moment: [height, width, 3]. Raises WorldError when no episode was begun.

        The map's walkable part is drawn as in `fedqmix watch`; lines are the attacks and heals of the last step.
        """
        from fedqmix.envs.replays import drawing  # Pillow's drawing takes a while to import

        units, ground = self.units(), load_map(self.spec.map).walkable
        if self._painter is None:
            cells = np.argwhere(ground)
            across, up = zip(cells.min(0) - MARGIN, cells.max(0) + 1 + MARGIN, strict=True)
            field = drawing.fit(across, up, WIDTH)
            self._painter = drawing.Painter(ground, units_of(units), field, self.spec.map)
        moment = drawing.Moment(*(np.array([getattr(unit, name) for unit in units]) for name in drawing.Moment._fields))
        steps, limit = len(self._actions), self.spec.episode_limit
        caption = drawing.Caption(f"step {steps} of {limit}", f"team reward {self._return:.2f}", steps / limit)
        explored = np.zeros(self.spec.n_agents, np.bool_)
        return np.asarray(self._painter.paint(moment, moment, 0.0, explored, caption))

    def replay(self, player: str) -> Replay:
        """Return the record of this episode so far, for `fedqmix watch`.

        The episode is played again from its seed and actions. Its Q-values are 0, as only the caller knows them.
        player: the name that the replay shows. Raises WorldError before the first environment step.
        """
        self._opened()
        if not self._actions:
            raise WorldError("There is nothing to record before the first environment step of an episode.")
        agents, n_actions = self.spec.n_agents, self.spec.n_actions
        unknown, greedy = np.zeros((agents, n_actions), np.float32), np.zeros(agents, np.bool_)
        batch, team = self._batch, TeamView()
        occasion = Occasion(player, batch.purpose.value, batch.first, self.seed, 0, 0, 0.0)
        recording = Recording(self.spec.map, occasion)
        world = self._make_world(team)
        time_step = world.begin(batch)
        for actions in self._actions:
            recording.act(world.snapshot(0), unknown, time_step.available_actions[:, 0], actions, greedy)
            time_step = world.step(actions[:, None])
            recording.earn(time_step.individual_rewards[:, 0], float(team.time_step.team_reward[0]))
        replay = recording.finish(world.snapshot(0), bool(time_step.won[0]), not time_step.terminated[0])
        world.close()
        return replay

    def _make_world(self, team: TeamView) -> SkirmishWorld:
        from fedqmix.envs.skirmish.world import SkirmishWorld

        return SkirmishWorld(load_map(self.spec.map), self.seed, self._env, team)

    def _keep(self, time_step: TimeStep) -> None:
        """Copy what the agents see: the world overwrites its arrays."""
        self.observations: Floats = time_step.observations[:, 0].copy()  # [agents, obs_dim]
        self.available: Bools = time_step.available_actions[:, 0].copy()  # [agents, n_actions]
        self.individual_rewards: list[float] = time_step.individual_rewards[:, 0].tolist()
        self.terminated, self.truncated = bool(time_step.terminated[0]), bool(time_step.truncated[0])
        self.won = bool(time_step.won[0])

    def _opened(self) -> SkirmishWorld:
        if self._world is None:
            raise WorldError("No episode was begun: call reset first.")
        return self._world

    def _running(self) -> SkirmishWorld:
        if self.over:
            raise WorldError("The episode is over or was never begun: call reset before step.")
        return self._opened()

    def _forget(self) -> None:
        if self._world is not None:
            self._world.close()
        self._world = None
        self._team = TeamView()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what a copy is made of."""
        return _copy, (self.spec.map, self.seed, self._env, self._next)


def _copy(map: str, seed: int, env: SkirmishOptions, next_episode: int) -> EpisodePlayer:
    player = EpisodePlayer(map, seed, env)
    player._next = next_episode
    return player
