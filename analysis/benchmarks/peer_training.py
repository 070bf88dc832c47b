"""The environment steps per second of EPyMARL's training on our world, tuned recipe.

    python -m fedqmix.analysis.benchmarks.peer_training epymarl MAP ENV_STEPS THREADS

epymarl: a checkout of https://github.com/uoe-agents/epymarl (cbc38c0 works); its requirements for QMIX are numpy,
torch, PyYAML and sacred, in the interpreter that runs this. Its parallel runner plays eight episodes, one process each,
and its learner takes one training step per eight episodes. EPyMARL is unchanged except that `env: skirmish` is this
world. Prints JSON.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import yaml

from fedqmix.envs.factory import team_spec
from fedqmix.envs.maps import load_map
from fedqmix.envs.options import skirmish_options
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.runtime.core.world import EpisodeBatch, Purpose, TeamTimeStep

RECIPE: dict[str, Any] = {
    "runner": "parallel",
    "batch_size_run": 8,
    "batch_size": 128,
    "buffer_size": 5000,
    "lr": 0.001,
    "epsilon_anneal_time": 100_000,
    "target_update_interval_or_tau": 200,  # episodes: 25 training steps
    "use_rnn": True,
    "obs_last_action": True,
    "standardise_rewards": False,
    "test_interval": 10_000,
    "test_nepisode": 32,
    "log_interval": 10_000,
    "use_cuda": False,
}
"""conf/experiment/tuned.yaml in EPyMARL's settings, without lambda-returns, which its Q-learner does not have."""


class SkirmishEnv:
    """Single episodes of a map with EPyMARL's MultiAgentEnv methods."""

    def __init__(self, map_name: str, seed: int, **_: Any) -> None:
        """Create the world.

        EPyMARL passes further arguments to every environment; they are not used.
        """
        self._spec, self._team = team_spec(map_name, skirmish_options()), _Team()
        self._world = SkirmishWorld(load_map(map_name), seed, skirmish_options(), self._team)
        self._episode = 0

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[list[np.ndarray], dict[str, Any]]:
        """Begin the next episode."""
        self._time_step = self._world.begin(EpisodeBatch(Purpose.TRAINING, self._episode, 1))
        self._episode += 1
        return self.get_obs(), {}

    def step(self, actions: Any) -> tuple[list[np.ndarray], float, bool, bool, dict[str, Any]]:
        """Take an environment step; return observations, reward, terminated, truncated, info."""
        self._time_step = time_step = self._world.step(np.asarray(actions, dtype=np.int64).reshape(-1, 1))
        won = {"battle_won": bool(time_step.won[0])}
        reward = float(self._team.time_step.team_reward[0])
        return self.get_obs(), reward, bool(time_step.terminated[0]), bool(time_step.truncated[0]), won

    def get_obs(self) -> list[np.ndarray]:
        """Return every agent's observation."""
        return list(self._time_step.observations[:, 0].copy())

    def get_state(self) -> np.ndarray:
        """Return the global state."""
        state: np.ndarray = self._team.time_step.state[0].copy()
        return state

    def get_avail_actions(self) -> list[np.ndarray]:
        """Return every agent's mask of available actions."""
        return list(self._time_step.available_actions[:, 0].astype(np.int64))

    def get_env_info(self) -> dict[str, int]:
        """Return the sizes of EPyMARL's networks."""
        spec = self._spec
        return {
            "state_shape": spec.state_dim,
            "obs_shape": spec.obs_dim,
            "n_actions": spec.n_actions,
            "n_agents": spec.n_agents,
            "episode_limit": spec.episode_limit,
        }

    def get_stats(self) -> dict[str, Any]:
        """Return no statistics; EPyMARL calls this at the end of training."""
        return {}

    def close(self) -> None:
        """Close the world."""
        self._world.close()


class _Team:
    """A step observer that keeps the team's time step; EPyMARL has no separate mixer process."""

    time_step: TeamTimeStep

    def begin(self, battles: EpisodeBatch, time_step: TeamTimeStep) -> None:
        self.time_step = time_step

    def record(self, time_step: TeamTimeStep) -> None:
        self.time_step = time_step


def train(epymarl: Path, map_name: str, env_steps: int, threads: int) -> dict[str, Any]:
    """Train for env_steps environment steps; return the speeds without loading and compiling."""
    SkirmishEnv(map_name, 0).reset()  # compiles the world's kernels
    sys.path.insert(0, str(epymarl / "src"))
    sys.modules["envs"] = _worlds()  # EPyMARL's own package of this name imports the packages of all its games
    torch, run = (importlib.import_module(name) for name in ("torch", "run"))
    logger = importlib.import_module("utils.logging").Logger(logging.getLogger("epymarl"))
    torch.set_num_threads(threads)
    settings: dict[str, Any] = {}
    for file in ("default.yaml", "algs/qmix.yaml"):
        settings |= yaml.safe_load((epymarl / "src" / "config" / file).read_text(encoding="utf-8"))
    settings |= RECIPE | {"env": "skirmish", "env_args": {"map_name": map_name, "seed": 1}, "t_max": env_steps}
    began = time.perf_counter()
    run.run_sequential(SimpleNamespace(**settings, device="cpu", unique_token="", seed=1), logger)
    seconds = time.perf_counter() - began
    return {
        "benchmark": "peer_training",
        "map": map_name,
        "env_steps": env_steps,
        "threads": threads,
        "seconds": round(seconds, 1),
        "env_steps_per_second": round(env_steps / seconds, 1),
    }


def _worlds() -> ModuleType:
    module = ModuleType("envs")
    module.__dict__.update(REGISTRY={"skirmish": SkirmishEnv}, register_smac=None, register_smacv2=None)
    return module


def main(words: Sequence[str]) -> int:
    """Print the speed as JSON. Returns the exit status."""
    if len(words) != 5:
        print("python -m fedqmix.analysis.benchmarks.peer_training EPYMARL_PATH MAP ENV_STEPS THREADS", file=sys.stderr)
        return 2
    print(json.dumps(train(Path(words[1]), words[2], int(words[3]), int(words[4])), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
