"""Another project's training step, for analysis.benchmarks.learners.

    python peer_learner.py ppsqmix|epymarl_ns|epymarl|... PATH

The peers' Python runs it, with PyTorch, NumPy and the project's source at PATH. It imports nothing of fedqmix and
contains none of the project's code: it calls the project's classes through the interface of the project's own training
loop. A training step is that loop's work between two episodes: it samples a batch from the project's replay buffer and
takes its learner's whole step. Projects that descend from PyMARL are called in peer_pymarl.py.
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

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # one of the projects uses any GPU it finds

import numpy as np
import torch

Arrays = dict[str, Any]
Sizes = dict[str, Any]


class Learner(Protocol):
    """A project's learner with a buffer that holds the given episodes."""

    def step(self) -> None:
        """Take one training step."""

    def held(self) -> tuple[int, float]:
        """Return the number of transitions in the buffer and the sum of their rewards."""
        ...

    def parameters(self) -> Iterable[torch.Tensor]:
        """Return the learned parameters."""
        ...


class PpsQmix:
    """PPS-QMIX's QMIX_SMAC and ReplayBuffer; its main script's settings where `sizes` has none.

    The first 300 training steps contain no aggregation.
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
        """Take one training step; the learner samples its batch itself."""
        self._learner.train(self._buffer, 0, None)

    def held(self) -> tuple[int, float]:
        """Return the number of transitions in the buffer and the sum of their rewards."""
        buffer = self._buffer.buffer
        return int(buffer["active"].sum()), float((buffer["r"] * buffer["active"]).sum())

    def parameters(self) -> list[torch.Tensor]:
        """Return the learned parameters."""
        return list(self._learner.eval_parameters)


class FixedChoice:
    """A replacement of numpy.random.choice, the projects' sampler, that returns given episodes."""

    def __init__(self) -> None:
        self.next: np.ndarray | None = None

    def __call__(self, stored: int, size: int, replace: bool) -> np.ndarray:
        """Return the given episodes of this training step.

        Raises RuntimeError for an unexpected call.
        """
        given, self.next = self.next, None
        if given is None or len(given) != size or replace:
            raise RuntimeError(f"an unexpected call sampled {size} of {stored} episodes")
        return given


def take_steps(learner: Learner, slots: Iterable[Sequence[int]]) -> list[float]:
    """Take one training step with each row of episodes; return the seconds of each.

    slots: [steps][batch].
    """
    choice, seconds = FixedChoice(), []
    original = np.random.choice
    np.random.choice = choice  # type: ignore[assignment]
    try:
        for row in slots:
            choice.next = np.array(row)
            start = time.perf_counter()
            learner.step()
            seconds.append(time.perf_counter() - start)
            if choice.next is not None:
                raise RuntimeError("the training step did not sample the given episodes")
    finally:
        np.random.choice = original
    return seconds


def build(name: str, sizes: Sizes, file: str) -> Learner:
    """Build a project's learner and fill its buffer with the episodes of a file."""
    with np.load(file) as arrays:
        episodes = dict(arrays)
    torch.set_num_threads(sizes["threads"])
    torch.manual_seed(0)
    made: Learner = (PpsQmix if name == "ppsqmix" else pymarl().LEARNERS[name])(sizes, episodes)
    return made


def pymarl() -> Any:
    """Return the module peer_pymarl, which lies beside this file."""
    return importlib.import_module("peer_pymarl")


def _stand_in_for_smac() -> None:
    """Install an empty module smac if none exists: PPS-QMIX imports it but does not use it here."""
    if importlib.util.find_spec("smac") is None:
        sys.modules["smac"], sys.modules["smac.env"] = types.ModuleType("smac"), types.ModuleType("smac.env")
        sys.modules["smac.env"].StarCraft2Env = None  # type: ignore[attr-defined]


def main() -> None:
    """Print versions, then answer requests from standard input, one JSON object per line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the project's own output is not an answer
    name, path = sys.argv[1], Path(sys.argv[2])
    pymarl()  # before this folder leaves the path
    # The project's folder replaces this one, so that no module of ours is imported in place of one of the project's.
    sys.path[0] = str(path if name == "ppsqmix" else path / "src")
    warnings.filterwarnings("ignore", "Using a non-tuple sequence")  # EPyMARL's buffer: five of them per batch
    _stand_in_for_smac() if name == "ppsqmix" else pymarl().stand_in_for_worlds()
    for module in ("pfqmix_smac", "replay_buffer") if name == "ppsqmix" else ("learners", "controllers"):
        importlib.import_module(module)
    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    print(json.dumps(versions), file=answers, flush=True)
    learner: Learner | None = None
    for line in sys.stdin:
        request = json.loads(line)
        if "sizes" in request:
            learner = None  # released before the next one is built: its buffer is large
            learner = build(name, request["sizes"], request["episodes"])
            transitions, rewards = learner.held()
            numbers = sum(parameter.numel() for parameter in learner.parameters())
            answer: dict[str, Any] = {"transitions": transitions, "rewards": rewards, "parameters": numbers}
        else:
            assert learner is not None
            answer = {"seconds": take_steps(learner, request["slots"])}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
