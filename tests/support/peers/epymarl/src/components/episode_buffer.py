"""Stands in for EPyMARL's file of this name: the calls our script makes, and nothing else of it."""

import numpy as np
import torch


class EpisodeBatch:
    def __init__(self, scheme, groups, batch_size, max_seq_length, preprocess, device):
        ((name, (_, (one_hot,))),) = preprocess.items()
        assert (name, one_hot.out_dim, device) == ("actions", scheme["avail_actions"]["vshape"][0], "cpu")
        self.scheme = {**scheme, "filled": {"vshape": (1,), "dtype": torch.long}}
        self.data = {}
        for key, field in self.scheme.items():
            shape = field["vshape"] if isinstance(field["vshape"], tuple) else (field["vshape"],)
            shape = (groups[field["group"]], *shape) if "group" in field else shape
            dtype = field.get("dtype", torch.float32)
            self.data[key] = torch.zeros((batch_size, max_seq_length, *shape), dtype=dtype)

    def update(self, data, ts, mark_filled=True):
        if mark_filled:
            self.data["filled"][:, ts] = 1
        for key, value in data.items():
            assert value.dtype == self.data[key].dtype
            self.data[key][:, ts] = value

    def __getitem__(self, key):
        return self.data[key]


class Sample(dict):
    def max_t_filled(self):
        return self["filled"].sum(1).max()

    def __getitem__(self, key):
        if isinstance(key, str):
            return super().__getitem__(key)
        return Sample({name: column[key] for name, column in self.items()})


class ReplayBuffer(EpisodeBatch):
    def __init__(self, scheme, groups, buffer_size, max_seq_length, preprocess, device):
        super().__init__(scheme, groups, buffer_size, max_seq_length, preprocess, device)
        self.episodes_in_buffer = 0

    def insert_episode_batch(self, batch):
        for key, value in batch.data.items():
            self.data[key][self.episodes_in_buffer] = value[0]
        self.episodes_in_buffer += 1

    def sample(self, batch_size):
        drawn = np.random.choice(self.episodes_in_buffer, batch_size, replace=False)
        return Sample({key: value[drawn] for key, value in self.data.items()})
