"""Stands in for PPS-QMIX's file of this name: the calls our script makes, and nothing else of it."""

import sys
from pathlib import Path

import numpy as np
import torch
from smac.env import StarCraft2Env  # noqa: F401  # as one of theirs does; it need not be installed

sys.path.append(str(Path(__file__).parents[1]))
from telling import digest, tell


class QMIX_SMAC:  # noqa: N801
    def __init__(self, args):
        print("------use RNN------")
        self.args = args
        self.eval_parameters = [torch.zeros(3), torch.zeros(2, 2)]
        tell("ppsqmix", {"hidden": args.rnn_hidden_dim, "threads": torch.get_num_threads()})

    def train(self, replay_buffer, total_steps, calculate_reward_weight):
        drawn = np.random.choice(len(replay_buffer.last), size=self.args.batch_size, replace=False)
        told = []
        for episode in drawn:
            seen, legal, actions, state, rewards, over = map(list, zip(*replay_buffer.episodes[episode], strict=True))
            end = replay_buffer.last[episode]
            told.append(digest([*seen, end[0]], [*legal, end[1]], actions, [*state, end[2]], rewards, over))
        tell("ppsqmix-step", told)
