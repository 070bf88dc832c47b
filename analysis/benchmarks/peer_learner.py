"""Another project's training step, for analysis.benchmarks.learners; runs under the peers' Python with that
project's source.

    python peer_learner.py ppsqmix|epymarl_ns|epymarl PATH

Needs PyTorch and NumPy; nothing of fedqmix is imported, and nothing of the project is here: its classes are called
where PATH has them, through the interface its own training loop uses. A step is what that loop does between two
episodes: drawing a batch from the project's own replay buffer, and its learner's whole step.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import platform
import sys
import time
import types
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # one of them takes a GPU whenever there is one

import numpy as np
import torch

Arrays = dict[str, Any]
Sizes = dict[str, Any]


class Learner(Protocol):
    """A project's learner with a buffer full of the episodes it was given."""

    def step(self) -> None:
        """Take one training step."""

    def held(self) -> tuple[int, float]:
        """Return the transitions in the buffer and the sum of their rewards."""
        ...

    def parameters(self) -> Iterable[torch.Tensor]:
        """Return what is learned."""
        ...


class PpsQmix:
    """PPS-QMIX's QMIX_SMAC and ReplayBuffer, with the settings of its main script where `sizes` says nothing.

    No aggregation is met in less than 300 steps.
    """

    def __init__(self, sizes: Sizes, episodes: Arrays) -> None:
        stored, moments = episodes["observations"].shape[:2]
        args = SimpleNamespace(
            N=sizes["agents"],
            obs_dim=sizes["obs_dim"],
            state_dim=sizes["state_dim"],
            action_dim=sizes["actions"],
            episode_limit=moments - 1,
            buffer_size=stored,
            batch_size=sizes["batch"],
            rnn_hidden_dim=sizes["hidden"],
            qmix_hidden_dim=sizes["mixing_embed"],
            hyper_hidden_dim=sizes["hypernetwork_hidden"],
            hyper_layers_num=sizes["hypernetwork_layers"],
            lr=sizes["learning_rate"],
            gamma=sizes["gamma"],
            use_double_q=sizes["double_q"],
            target_update_freq=sizes["target_update_interval"],
            algorithm="QMIX",
            env_name=sizes["map"],
            max_train_steps=2_000_000,
            tau=0.005,
            use_hard_update=True,
            use_grad_clip=True,
            use_lr_decay=False,
            use_orthogonal_init=True,
            use_rnn=True,
            use_RMS=False,
            add_agent_id=True,
            add_last_action=True,
        )
        with contextlib.redirect_stdout(None):
            self._learner = importlib.import_module("pfqmix_smac").QMIX_SMAC(args)
        self._buffer = importlib.import_module("replay_buffer").ReplayBuffer(args)
        one_hot = np.eye(sizes["actions"])
        for episode, length in enumerate(episodes["lengths"].tolist()):
            seen, state = episodes["observations"][episode], episodes["state"][episode]
            legal, actions = episodes["available_actions"][episode], episodes["actions"][episode]
            rewards, terminated = episodes["team_reward"][episode], episodes["terminated"][episode]
            for t in range(length):
                self._buffer.store_transition(
                    t, seen[t], state[t], legal[t], one_hot[actions[t]], actions[t], rewards[t], terminated[t]
                )
            self._buffer.store_last_step(length, seen[length], state[length], legal[length])

    def step(self) -> None:
        """Take one training step; it draws its batch itself."""
        self._learner.train(self._buffer, 0, None)

    def held(self) -> tuple[int, float]:
        """Return the transitions in the buffer and the sum of their rewards."""
        buffer = self._buffer.buffer
        return int(buffer["active"].sum()), float((buffer["r"] * buffer["active"]).sum())

    def parameters(self) -> list[torch.Tensor]:
        """Return what is learned."""
        return list(self._learner.eval_parameters)


class Epymarl:
    """EPyMARL's QLearner with its QMixer and ReplayBuffer, its controller for one network or for one an agent.

    Its qmix settings, but for those that would make the step another one than ours: the agents are recurrent and read
    their last action and their number, rewards are not standardised.
    """

    def __init__(self, sizes: Sizes, episodes: Arrays, shared: bool) -> None:
        self._batch = sizes["batch"]
        self._args = SimpleNamespace(
            n_agents=sizes["agents"],
            n_actions=sizes["actions"],
            state_shape=sizes["state_dim"],
            hidden_dim=sizes["hidden"],
            mixing_embed_dim=sizes["mixing_embed"],
            hypernet_layers=sizes["hypernetwork_layers"],
            hypernet_embed=sizes["hypernetwork_hidden"],
            lr=sizes["learning_rate"],
            gamma=sizes["gamma"],
            grad_norm_clip=sizes["grad_norm_clip"],
            double_q=sizes["double_q"],
            target_update_interval_or_tau=sizes["target_update_interval"],
            agent="rnn" if shared else "rnn_ns",
            mac="basic_mac" if shared else "non_shared_mac",
            action_selector="epsilon_greedy",
            agent_output_type="q",
            common_reward=True,
            device="cpu",
            epsilon_anneal_time=50_000,
            epsilon_finish=0.05,
            epsilon_start=1.0,
            evaluation_epsilon=0.0,
            learner="q_learner",
            learner_log_interval=1 << 60,
            mixer="qmix",
            obs_agent_id=True,
            obs_individual_obs=False,
            obs_last_action=True,
            standardise_returns=False,
            standardise_rewards=False,
            use_cuda=False,
            use_rnn=True,
        )
        self._fill(sizes, episodes)
        controllers, learners = importlib.import_module("controllers"), importlib.import_module("learners")
        controller = controllers.REGISTRY[self._args.mac](self._buffer.scheme, self._groups, self._args)
        silent = SimpleNamespace(log_stat=lambda *_: None)
        self._learner = learners.REGISTRY[self._args.learner](controller, self._buffer.scheme, silent, self._args)

    def _fill(self, sizes: Sizes, episodes: Arrays) -> None:
        """Make the replay buffer and put the episodes in, one by one."""
        storage = importlib.import_module("components.episode_buffer")
        one_hot = importlib.import_module("components.transforms").OneHot(out_dim=sizes["actions"])
        scheme = {
            "state": {"vshape": sizes["state_dim"]},
            "obs": {"vshape": sizes["obs_dim"], "group": "agents"},
            "actions": {"vshape": (1,), "group": "agents", "dtype": torch.long},
            "avail_actions": {"vshape": (sizes["actions"],), "group": "agents", "dtype": torch.int},
            "reward": {"vshape": (1,)},
            "terminated": {"vshape": (1,), "dtype": torch.uint8},
        }
        self._groups = {"agents": sizes["agents"]}
        stored, moments = episodes["observations"].shape[:2]
        shape = {"preprocess": {"actions": ("actions_onehot", [one_hot])}, "device": "cpu"}
        self._buffer = storage.ReplayBuffer(scheme, self._groups, stored, moments, **shape)
        columns = {name: torch.from_numpy(episodes[name]) for name in episodes}
        for episode, length in enumerate(episodes["lengths"].tolist()):
            one = storage.SampledEpisodes(scheme, self._groups, 1, moments, **shape)
            before, whole = slice(0, length), slice(0, length + 1)
            seen = {"state": columns["state"], "obs": columns["observations"]}
            seen["avail_actions"] = columns["available_actions"].int()
            one.update({name: column[episode : episode + 1, whole] for name, column in seen.items()}, ts=whole)
            done = {"actions": columns["actions"], "reward": columns["team_reward"]}
            done["terminated"] = columns["terminated"].to(torch.uint8)
            one.update(
                {name: column[episode : episode + 1, before].unsqueeze(-1) for name, column in done.items()},
                ts=before,
                mark_filled=False,
            )
            self._buffer.insert_episode_batch(one)

    def step(self) -> None:
        """Draw a batch, cut it to its longest episode, and take one training step."""
        batch = self._buffer.sample(self._batch)
        batch = batch[:, : batch.max_t_filled()]
        self._learner.train(batch, 0, 0)

    def held(self) -> tuple[int, float]:
        """Return the transitions in the buffer and the sum of their rewards."""
        filled = int(self._buffer["filled"].sum()) - self._buffer.episodes_in_buffer  # the last moment is no transition
        return filled, float(self._buffer["reward"].double().sum())

    def parameters(self) -> list[torch.Tensor]:
        """Return what is learned."""
        return list(self._learner.params)


class Told:
    """Stands in for numpy.random.choice, by which both projects draw: the episodes are those everybody draws."""

    def __init__(self) -> None:
        self.next: np.ndarray | None = None

    def __call__(self, stored: int, size: int, replace: bool) -> np.ndarray:
        """Return the episodes of this step. Raises RuntimeError when they are not asked for as known."""
        told, self.next = self.next, None
        if told is None or len(told) != size or replace:
            raise RuntimeError(f"{size} of {stored} episodes were asked for at an unforeseen time")
        return told


def take_steps(learner: Learner, slots: Iterable[Sequence[int]]) -> list[float]:
    """Take a training step with each row of episodes; return their seconds."""
    told, seconds = Told(), []
    drawn_by = np.random.choice
    np.random.choice = told  # type: ignore[assignment]
    try:
        for row in slots:
            told.next = np.array(row)
            start = time.perf_counter()
            learner.step()
            seconds.append(time.perf_counter() - start)
            if told.next is not None:
                raise RuntimeError("the step was taken with other episodes than those it was told")
    finally:
        np.random.choice = drawn_by
    return seconds


def build(name: str, sizes: Sizes, file: str) -> Learner:
    """Make a project's learner and fill its buffer with the episodes of a file."""
    with np.load(file) as arrays:
        episodes = dict(arrays)
    torch.set_num_threads(sizes["threads"])
    torch.manual_seed(0)
    return PpsQmix(sizes, episodes) if name == "ppsqmix" else Epymarl(sizes, episodes, shared=name == "epymarl")


def _stand_in_for_smac() -> None:
    """Let PPS-QMIX's files import the game's environment, which their training step never uses, where it is missing."""
    if importlib.util.find_spec("smac") is None:
        sys.modules["smac"], sys.modules["smac.env"] = types.ModuleType("smac"), types.ModuleType("smac.env")
        sys.modules["smac.env"].StarCraft2Env = None  # type: ignore[attr-defined]


def main() -> None:
    """Answer questions, one JSON object a line: first what this is, then what each asks for."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what others print is no answer
    name, path = sys.argv[1], Path(sys.argv[2])
    # This folder makes way for the project's: nobody of ours is to be imported in place of one of theirs.
    sys.path[0] = str(path if name == "ppsqmix" else path / "src")
    warnings.filterwarnings("ignore", "Using a non-tuple sequence")  # EPyMARL's buffer: five of them at every draw
    if name == "ppsqmix":
        _stand_in_for_smac()
    for module in ("pfqmix_smac", "replay_buffer") if name == "ppsqmix" else ("learners", "controllers"):
        importlib.import_module(module)
    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    print(json.dumps(versions), file=answers, flush=True)
    learner: Learner | None = None
    for line in sys.stdin:
        asked = json.loads(line)
        if "sizes" in asked:
            learner = None  # only one at a time: its buffer is large
            learner = build(name, asked["sizes"], asked["episodes"])
            transitions, rewards = learner.held()
            numbers = sum(parameter.numel() for parameter in learner.parameters())
            answer: dict[str, Any] = {"transitions": transitions, "rewards": rewards, "parameters": numbers}
        else:
            assert learner is not None
            answer = {"seconds": take_steps(learner, asked["slots"])}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
