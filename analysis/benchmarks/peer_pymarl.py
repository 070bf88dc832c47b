"""The learners of PyMARL's descendants, for peer_learner.py: EPyMARL, PyMARL2, REFIL and pymarl_transformers.

The peers' Python runs it. It imports nothing of fedqmix and contains none of the projects' code: it calls their
learner, controller and replay buffer as their own training loops do. Settings are those of each project's own file for
the method (src/config/algs), except for the sizes that fedqmix gives, so that all learners compute the same shapes.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch

Arrays = dict[str, Any]
Sizes = dict[str, Any]

SILENT = SimpleNamespace(log_stat=lambda *_: None, console_logger=SimpleNamespace(info=lambda *_: None))


class Pymarl:
    """A PyMARL learner with its controller and a replay buffer of the given episodes."""

    args: ClassVar[Sizes] = {}
    """The project's settings beside `common`."""

    def __init__(self, sizes: Sizes, episodes: Arrays) -> None:
        self._batch = sizes["batch"]
        self._args = SimpleNamespace(**{**common(sizes), **self.args, **self.sized(sizes)})
        self.finish(self._args)
        self._groups = {"agents": sizes["agents"]}
        self._fill(sizes, episodes)
        controllers, learners = importlib.import_module("controllers"), importlib.import_module("learners")
        controller = controllers.REGISTRY[self._args.mac](self._buffer.scheme, self._groups, self._args)
        self._learner = learners.REGISTRY[self._args.learner](controller, self._buffer.scheme, SILENT, self._args)

    def sized(self, sizes: Sizes) -> Sizes:
        """Return the settings that depend on sizes."""
        return {}

    def finish(self, args: SimpleNamespace) -> None:
        """Change settings that cannot be named as keywords."""

    def scheme(self, sizes: Sizes) -> dict[str, Any]:
        """Return the replay buffer's columns beside actions, masks, rewards and ends."""
        return {
            "state": {"vshape": sizes["state_dim"]},
            "obs": {"vshape": sizes["obs_dim"], "group": "agents"},
        }

    def seen(self, columns: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the values of `scheme`'s columns. columns: the episodes, episode axis first."""
        return {"state": columns["state"], "obs": columns["observations"]}

    def _fill(self, sizes: Sizes, episodes: Arrays) -> None:
        """Create the replay buffer and add the episodes one by one."""
        storage = importlib.import_module("components.episode_buffer")
        one_hot = importlib.import_module("components.transforms").OneHot(out_dim=sizes["actions"])
        scheme = self.scheme(sizes) | {
            "actions": {"vshape": (1,), "group": "agents", "dtype": torch.long},
            "avail_actions": {"vshape": (sizes["actions"],), "group": "agents", "dtype": torch.int},
            "reward": {"vshape": (1,)},
            "terminated": {"vshape": (1,), "dtype": torch.uint8},
        }
        stored, moments = episodes["observations"].shape[:2]
        shape = {"preprocess": {"actions": ("actions_onehot", [one_hot])}, "device": "cpu"}
        self._buffer = storage.ReplayBuffer(scheme, self._groups, stored, moments, **shape)
        columns = {name: torch.from_numpy(episodes[name]) for name in episodes}
        seen = self.seen(columns) | {"avail_actions": columns["available_actions"].int()}
        done = {"actions": columns["actions"], "reward": columns["team_reward"]}
        done["terminated"] = columns["terminated"].to(torch.uint8)
        for episode, length in enumerate(episodes["lengths"].tolist()):
            one = storage.EpisodeBatch(scheme, self._groups, 1, moments, **shape)
            before, whole = slice(0, length), slice(0, length + 1)
            one.update({name: column[episode : episode + 1, whole] for name, column in seen.items()}, ts=whole)
            one.update(
                {name: column[episode : episode + 1, before].unsqueeze(-1) for name, column in done.items()},
                ts=before,
                mark_filled=False,
            )
            self._buffer.insert_episode_batch(one)

    def step(self) -> None:
        """Sample a batch, cut it to its longest episode, and take one training step."""
        batch = self._buffer.sample(self._batch)
        batch = batch[:, : batch.max_t_filled()]
        self._learner.train(batch, 0, 0)

    def held(self) -> tuple[int, float]:
        """Return the number of transitions in the buffer and the sum of their rewards."""
        moments = int(self._buffer["filled"].sum())  # an episode has one moment more than transitions
        filled = moments - self._buffer.episodes_in_buffer
        return filled, float(self._buffer["reward"].double().sum())

    def parameters(self) -> Iterable[torch.Tensor]:
        """Return the learned parameters."""
        return list(self._learner.params)


def common(sizes: Sizes) -> Sizes:
    """Return the settings that all these projects read."""
    return {
        "n_agents": sizes["agents"],
        "n_actions": sizes["actions"],
        "state_shape": sizes["state_dim"],
        "obs_shape": sizes["obs_dim"],
        "lr": sizes["learning_rate"],
        "gamma": sizes["gamma"],
        "grad_norm_clip": sizes["grad_norm_clip"],
        "action_selector": "epsilon_greedy",
        "agent_output_type": "q",
        "device": "cpu",
        "double_q": True,
        "env": "sc2",
        "epsilon_anneal_time": 50_000,
        "epsilon_finish": 0.05,
        "epsilon_start": 1.0,
        "learner_log_interval": 1 << 60,
        "obs_agent_id": True,
        "obs_last_action": True,
        "target_update_interval": 1 << 60,
        "use_cuda": False,
    }


class Epymarl(Pymarl):
    """EPyMARL's QLearner and QMixer, with one network per agent.

    The settings are those of its qmix, except where its training step would differ from ours: the agents are recurrent
    and observe their last action and id, and rewards are not standardised.
    """

    args: ClassVar[Sizes] = {
        "agent": "rnn_ns",
        "mac": "non_shared_mac",
        "common_reward": True,
        "evaluation_epsilon": 0.0,
        "learner": "q_learner",
        "mixer": "qmix",
        "obs_individual_obs": False,
        "standardise_returns": False,
        "standardise_rewards": False,
        "use_rnn": True,
    }

    def sized(self, sizes: Sizes) -> Sizes:
        """See Pymarl."""
        return {
            "hidden_dim": sizes["hidden"],
            "mixing_embed_dim": sizes["mixing_embed"],
            "hypernet_layers": sizes["hypernetwork_layers"],
            "hypernet_embed": sizes["hypernetwork_hidden"],
            "double_q": sizes["double_q"],
            "target_update_interval_or_tau": sizes["target_update_interval"],
        }


class SharedEpymarl(Epymarl):
    """The same with one network for all agents."""

    args: ClassVar[Sizes] = {**Epymarl.args, "agent": "rnn", "mac": "basic_mac"}


class Qplex(Pymarl):
    """PyMARL2's QPLEX (src/config/algs/qplex.yaml)."""

    args: ClassVar[Sizes] = {
        "agent": "rnn",
        "mac": "basic_mac",
        "learner": "dmaq_qatten_learner",
        "mixer": "dmaq",
        "is_minus_one": True,
        "weighted_head": True,
        "is_adv_attention": True,
        "is_stop_gradient": True,
        "mixing_embed_dim": 32,
        "td_lambda": 0.6,
    }

    def sized(self, sizes: Sizes) -> Sizes:
        """See Pymarl."""
        hidden = {"rnn_hidden_dim": sizes["hidden"], "hypernet_embed": sizes["hypernetwork_hidden"]}
        heads = {"num_kernel": sizes["attention_heads"], "adv_hypernet_layers": sizes["attention_layers"]}
        return hidden | heads | {"adv_hypernet_embed": sizes["hypernetwork_hidden"]}


class Qtran(Pymarl):
    """PyMARL2's QTRAN-base (src/config/algs/qtran.yaml)."""

    args: ClassVar[Sizes] = {
        "agent": "rnn",
        "mac": "basic_mac",
        "learner": "qtran_learner",
        "mixer": "qtran_base",
        "qtran_arch": "qtran_paper",
        "network_size": "small",
        "opt_loss": 1,
        "nopt_min_loss": 0.1,
    }

    def sized(self, sizes: Sizes) -> Sizes:
        """See Pymarl."""
        return {"rnn_hidden_dim": sizes["hidden"], "mixing_embed_dim": sizes["joint_hidden"]}


class Refil(Pymarl):
    """The authors' REFIL (src/config/algs/refil.yaml).

    Its buffer holds entities in place of observations and states. Random ones have the count and width that our
    states have; everything is visible and exists, so that both projects attend to the same number of entities.
    """

    args: ClassVar[Sizes] = {
        "agent": "imagine_entity_attend_rnn",
        "mac": "entity_mac",
        "learner": "q_learner",
        "mixer": "flex_qmix",
        "entity_scheme": True,
        "entity_last_action": True,
        "gt_mask_avail": False,
        "lmbda": 0.5,
        "optim_alpha": 0.99,
        "optim_eps": 1e-5,
        "pooling_type": None,
        "softmax_mixing_weights": True,
        "test_gt_factors": False,
        "train_gt_factors": False,
        "train_rand_gt_factors": False,
        "weight_decay": 0,
    }

    def sized(self, sizes: Sizes) -> Sizes:
        """See Pymarl."""
        self._count, self._features = sizes["state_entities"]
        return {
            "attn_embed_dim": sizes["mixer_width"],
            "attn_n_heads": sizes["mixer_heads"],
            "entity_shape": self._features,
            "hypernet_embed": sizes["mixer_width"],
            "mixing_embed_dim": sizes["mixing_embed"],
            "n_entities": self._count,
            "rnn_hidden_dim": sizes["hidden"],
        }

    def scheme(self, sizes: Sizes) -> dict[str, Any]:
        """See Pymarl."""
        self._groups["entities"] = self._count
        return {
            "entities": {"vshape": self._features, "group": "entities"},
            "obs_mask": {"vshape": self._count, "group": "entities", "dtype": torch.uint8},
            "entity_mask": {"vshape": self._count, "dtype": torch.uint8},
        }

    def seen(self, columns: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """See Pymarl; masks are 0, everything is visible."""
        stored, moments = columns["observations"].shape[:2]
        shape, random = (stored, moments, self._count), np.random.default_rng(0)
        return {
            "entities": torch.from_numpy(random.random((*shape, self._features), dtype=np.float32)),
            "obs_mask": torch.zeros((*shape, self._count), dtype=torch.uint8),
            "entity_mask": torch.zeros(shape, dtype=torch.uint8),
        }


class TransfQmix(Pymarl):
    """The authors' TransfQMix for StarCraft (src/config/algs/transf_qmix_smac.yaml).

    Its observations and states are random tables of as many entities and features as ours have.
    """

    args: ClassVar[Sizes] = {
        "agent": "n_transf_smac",
        "mac": "n_mac",
        "learner": "nq_transf_learner",
        "mixer": "transf_mixer",
        "optimizer": "adam",
        "qmix_pos_func": "abs",
        "td_lambda": 0.6,
        "obs_agent_id": False,
        "obs_last_action": False,
        "env_args": {"state_entity_mode": True},
    }

    def sized(self, sizes: Sizes) -> Sizes:
        """See Pymarl."""
        (self._seen, seen), (self._held, held) = sizes["observation_entities"], sizes["state_entities"]
        self._features = seen, held
        transformer = {"heads": 4, "depth": 2, "ff_hidden_mult": 4, "dropout": 0, "mixer_heads": 4, "mixer_depth": 2}
        widths = {"emb": sizes["hidden"], "mixer_emb": sizes["hidden"]}
        counts = {"n_entities": self._seen, "n_entities_obs": self._seen, "n_entities_state": self._held}
        return transformer | widths | counts | {"obs_entity_feats": seen, "state_entity_feats": held}

    def scheme(self, sizes: Sizes) -> dict[str, Any]:
        """See Pymarl."""
        seen, held = self._features
        return {
            "state": {"vshape": self._held * held},
            "obs": {"vshape": self._seen * seen, "group": "agents"},
        }

    def seen(self, columns: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """See Pymarl."""
        shape, random = columns["observations"].shape[:3], np.random.default_rng(0)
        seen, held = self._features
        return {
            "state": torch.from_numpy(random.random((*shape[:2], self._held * held), dtype=np.float32)),
            "obs": torch.from_numpy(random.random((*shape, self._seen * seen), dtype=np.float32)),
        }


LEARNERS: dict[str, type[Pymarl]] = {
    "epymarl_ns": Epymarl,
    "epymarl": SharedEpymarl,
    "pymarl2_qplex": Qplex,
    "pymarl2_qtran": Qtran,
    "refil": Refil,
    "transf_qmix": TransfQmix,
}


MISSING = {
    "envs": (),
    "envs.matrix_game": ("print_matrix_status", "print_matrix_status_transf", "print_matrix_status_qtran"),
    "turtle": ("forward",),
}
"""Modules that learners import and do not use here, with the names they take: worlds, and a window library."""


def stand_in_for_worlds() -> None:
    """Install empty functions in place of MISSING, and what this PyTorch lacks.

    A learner that asks for a GPU gets its tensors as they are. Masks of bytes, which older versions took, are
    converted.
    """
    for name, taken in MISSING.items():
        module = types.ModuleType(name)
        for one in taken:
            setattr(module, one, lambda *_: None)
        sys.modules[name] = module
    torch.Tensor.cuda = lambda tensor, *_: tensor  # type: ignore[method-assign]
    fill = torch.Tensor.masked_fill
    torch.Tensor.masked_fill = lambda tensor, mask, value: fill(tensor, mask.bool(), value)  # type: ignore[method-assign]
