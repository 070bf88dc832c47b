"""Stands in for PPS-QMIX's file of this name: the calls our script makes, and nothing else of it."""

import numpy as np


class ReplayBuffer:
    def __init__(self, args):
        self.args = args
        self.episodes = [[]]
        self.last = []
        shape = args.buffer_size, args.episode_limit, 1
        self.buffer = {"r": np.zeros(shape), "active": np.zeros(shape)}

    def store_transition(self, episode_step, obs_n, s, avail_a_n, last_onehot_a_n, a_n, r, dw):
        episode = len(self.last)
        assert len(self.episodes[episode]) == episode_step
        assert last_onehot_a_n.argmax(-1).tolist() == a_n.tolist()
        assert last_onehot_a_n.shape == (self.args.N, self.args.action_dim)
        self.episodes[episode].append((obs_n, avail_a_n, a_n, s, r, dw))
        self.buffer["r"][episode, episode_step] = r
        self.buffer["active"][episode, episode_step] = 1

    def store_last_step(self, episode_step, obs_n, s, avail_a_n):
        assert len(self.episodes[-1]) == episode_step
        self.last.append((obs_n, avail_a_n, s))
        self.episodes.append([])
