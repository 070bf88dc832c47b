"""Episodes of env=skirmish as SMAC's `StarCraft2Env` (Samvelyan et al. 2019, smac/env/starcraft2/starcraft2.py).

    from fedqmix.envs import StarCraft2Env

    env = StarCraft2Env(map_name="3m", seed=1)
    observations, state = env.reset()
    terminated = False
    while not terminated:
        actions = [int(np.flatnonzero(mask)[0]) for mask in env.get_avail_actions()]
        reward, terminated, info = env.step(actions)

docs/other_libraries.md runs PyMARL, PyMARL2 and EPyMARL on it. Results with it are not results on StarCraft II.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.episode_player import EpisodePlayer
from fedqmix.envs.factory import maximum_reward
from fedqmix.envs.maps import load_map
from fedqmix.envs.replays.file import SUFFIX, replay_bytes
from fedqmix.envs.skirmish.layout import ACTIONS_BEFORE_ATTACKS, make_layout
from fedqmix.envs.smac_settings import Settings, read_settings
from fedqmix.runtime.core.errors import ConfigurationError, StorageError, WorldError
from fedqmix.runtime.core.world import Floats, Integers


class MultiAgentEnv:
    """The base class that SMAC's `smac.env` exports beside StarCraft2Env."""


class StarCraft2Env(MultiAgentEnv):
    """An environment that plays one episode of a map at a time, with SMAC's methods, numbers and names.

    Three differences from SMAC are on purpose. get_obs_size is the actual length with obs_timestep_number=True, where
    SMAC reports one less. reset may come in the middle of the first episode, where SMAC starts a second game. After an
    episode that is won or lost the agents have only the no-op.
    """

    def __init__(self, map_name: str = "8m", **settings: Any) -> None:
        """Set up the sizes; the world is built at the first reset.

        settings: SMAC's keyword arguments (envs/smac_settings.py lists them), and `starts` and `randomise` of
        conf/env/skirmish.yaml. seed: fixes all episodes; None draws a seed, which seed() returns.
        Raises ConfigurationError for an unknown map or setting, and for a value that this world cannot play.
        """
        given = load_map(map_name)
        if given.smacv2 or given.random_teams:
            kind = "a scenario of SMACv2" if given.smacv2 else "a set of drawn teams"
            raise ConfigurationError(
                f"map_name={map_name!r} is {kind}, and this class is SMAC's. "
                "fedqmix.envs.pettingzoo.parallel_env and fedqmix.make_world play it."
            )
        self._settings: Settings = read_settings(settings)
        self._player = EpisodePlayer(map_name, self._settings.seed, self._settings.env)
        record, layout = load_map(map_name), make_layout(load_map(map_name), self._settings.env)
        self.map_name, self.map_type = map_name, record.map_type
        self.n_agents, self.n_enemies = record.n_agents, record.n_enemies
        self.n_actions, self.n_actions_no_attack, self.n_actions_move = layout.n_actions, ACTIONS_BEFORE_ATTACKS, 4
        self.episode_limit = record.episode_limit
        self.continuing_episode = self._settings.continuing_episode
        self.unit_type_bits = layout.unit_type_bits
        self.shield_bits_ally, self.shield_bits_enemy = int(layout.ally_shields), int(layout.enemy_shields)
        types = [f"type_{bit}" for bit in range(layout.unit_type_bits)]
        self.ally_state_attr_names = ["health", "energy/cooldown", "rel_x", "rel_y"]
        self.ally_state_attr_names += ["shield"] * self.shield_bits_ally + types
        self.enemy_state_attr_names = ["health", "rel_x", "rel_y"] + ["shield"] * self.shield_bits_enemy + types
        self.max_reward = maximum_reward(map_name, self._settings.env)
        self.battles_won = self.battles_game = self.timeouts = self.force_restarts = 0
        self.reward = 0.0
        self.last_action: NDArray[np.float64] = np.zeros((self.n_agents, self.n_actions))

    def reset(self) -> tuple[list[Floats], Floats]:
        """Begin the next episode; return all observations and the state."""
        self._player.begin()
        self.reward = 0.0
        self.last_action = np.zeros((self.n_agents, self.n_actions))
        return self.get_obs(), self.get_state()

    def step(self, actions: Iterable[Any]) -> tuple[float, bool, dict[str, Any]]:
        """Take one environment step; return the team's reward, whether the episode is over, and an info.

        actions: one whole number for every agent. The info holds "battle_won" (bool), "dead_allies" and "dead_enemies"
        (counts), and with continuing_episode=True at the episode limit "episode_limit" (True).
        Raises WorldError when no episode is running or the number of actions is wrong, and UnavailableActionError,
        which names agent and action, when an action is not available; no unit moves then.
        """
        player = self._player
        if player.over:
            raise WorldError("The episode is over or was never begun: call reset before step.")
        numbers = self._numbers(actions)
        player.step(numbers)
        self.last_action = np.eye(self.n_actions)[numbers]
        self.reward = player.team_reward
        allies, enemies = player.dead()
        info: dict[str, Any] = {"battle_won": player.won, "dead_allies": allies, "dead_enemies": enemies}
        if player.truncated and self.continuing_episode:
            info["episode_limit"] = True
        self.battles_game += player.over
        self.battles_won += player.won
        self.timeouts += player.truncated
        return self.reward, player.over, info

    def get_obs(self) -> list[Floats]:
        """Return every agent's observation: [obs_size] float32 each; 0 for agents of dead units."""
        self._require_episode()
        return list(self._player.observations)

    def get_obs_agent(self, agent_id: int) -> Floats:
        """Return one agent's observation: [obs_size] float32."""
        return self.get_obs()[self._agent(agent_id)]

    def get_obs_size(self) -> int:
        """Return the length of an observation."""
        return self._player.spec.obs_dim

    def get_state(self) -> Floats:
        """Return the global state: [state_size] float32."""
        return self._player.state

    def get_state_size(self) -> int:
        """Return the length of the state."""
        return self._player.spec.state_dim

    def get_avail_actions(self) -> list[list[int]]:
        """Return every agent's mask, 1 for an available action: [n_agents][n_actions]."""
        self._require_episode()
        masks: list[list[int]] = self._player.available.astype(int).tolist()
        return masks

    def get_avail_agent_actions(self, agent_id: int) -> list[int]:
        """Return one agent's mask, 1 for an available action: [n_actions]."""
        return self.get_avail_actions()[self._agent(agent_id)]

    def get_total_actions(self) -> int:
        """Return the number of actions of an agent."""
        return self.n_actions

    def get_env_info(self) -> dict[str, Any]:
        """Return the sizes that networks and buffers need, and the names of the state's numbers."""
        return {
            "state_shape": self.get_state_size(),
            "obs_shape": self.get_obs_size(),
            "n_actions": self.n_actions,
            "n_agents": self.n_agents,
            "episode_limit": self.episode_limit,
            "agent_features": self.ally_state_attr_names,
            "enemy_features": self.enemy_state_attr_names,
        }

    def get_stats(self) -> dict[str, float]:
        """Return counts of the episodes that ended so far; "win_rate" is 0 before the first."""
        return {
            "battles_won": self.battles_won,
            "battles_game": self.battles_game,
            "battles_draw": self.timeouts,
            "win_rate": self.battles_won / max(self.battles_game, 1),
            "timeouts": self.timeouts,
            "restarts": self.force_restarts,
        }

    def seed(self, seed: int | None = None) -> int:
        """Return the seed. With an argument, which EPyMARL passes, set it: the next episode is its first one."""
        if seed is not None:
            self._player.reseed(read_settings({"seed": seed}).seed)
        return self._player.seed

    def render(self, mode: str = "rgb_array") -> NDArray[np.uint8]:
        """Return a picture of the battlefield, [height, width, 3].

        Raises ConfigurationError for another mode than "rgb_array", WorldError before the first reset.
        """
        if mode != "rgb_array":
            raise ConfigurationError(f"render(mode={mode!r}) is not known: no window opens here; allowed: rgb_array.")
        return self._player.picture()

    def save_replay(self) -> str:
        """Write the replay of the last episode so far, for `fedqmix watch`; return the file's path.

        The file is replay_dir/PREFIX_NUMBER.json.gz (PREFIX: replay_prefix or the map; replay_dir: default replays).
        Raises WorldError before the first environment step, StorageError when the file cannot be written.
        """
        replay = self._player.replay("StarCraft2Env")
        prefix = self._settings.replay_prefix or self.map_name
        path = Path(self._settings.replay_dir or "replays") / f"{prefix}_{replay.occasion.episode}{SUFFIX}"
        temporary = path.with_name(f".tmp-{path.name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(replay_bytes(replay))
            temporary.replace(path)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}.") from error
        finally:
            with suppress(OSError):  # its folder may not be one
                temporary.unlink()
        return str(path)

    def close(self) -> None:
        """Release the world; the next reset builds another one."""
        self._player.close()

    def _numbers(self, actions: Iterable[Any]) -> Integers:
        given = list(actions)
        if len(given) != self.n_agents:
            raise WorldError(f"step takes {self.n_agents} actions, one for every agent; got {len(given)}.")
        try:
            numbers = [int(action) for action in given]
        except (TypeError, ValueError, OverflowError) as error:
            raise WorldError(f"Actions must be whole numbers from 0 to {self.n_actions - 1}; got {given}.") from error
        return np.array(numbers, np.int64)

    def _agent(self, agent_id: int) -> int:
        if not 0 <= agent_id < self.n_agents:
            raise WorldError(f"There is no agent {agent_id}: agents are 0 to {self.n_agents - 1}.")
        return agent_id

    def _require_episode(self) -> None:
        if not self._player.begun:
            raise WorldError("No episode was begun: call reset first.")
