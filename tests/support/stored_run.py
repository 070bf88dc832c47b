"""A small run whose every number follows from the round or episode it belongs to, so that any process can check it."""

from functools import cache

import numpy as np
import torch

from fedqmix.runtime.core.seeds import generator
from fedqmix.runtime.storage.ring import EpisodeRing, Field

CAPACITY = 7
LIMIT = 5
PRIVATE = {
    "observations": Field((2,), (3,), torch.float32),
    "available_actions": Field((2,), (4,), torch.bool),
    "actions": Field((2,), (), torch.int64),
}
TEAM = {"reward": Field((), (), torch.float64), "ending": Field((), (2,), torch.uint8)}
FIELDS = PRIVATE | TEAM
RUN_ID = "a-run"


def new_ring(fields=FIELDS, capacity=CAPACITY, limit=LIMIT):
    return EpisodeRing(capacity, limit, fields, torch.device("cpu"))


def new_rings():
    return {"agents": new_ring(PRIVATE), "team": new_ring(TEAM)}


def lengths_of(first, count):
    """Lengths of episodes first .. first + count - 1."""
    return np.array([_length(number) for number in range(first, first + count)])


@cache
def _length(number):
    return int(generator(0, "length", number).integers(1, LIMIT + 1))


def columns(first, count, fields=FIELDS):
    """Every field's [*lead, LIMIT + 1, count, *trailing] of episodes first .. first + count - 1."""
    return {
        name: torch.stack([_column(name, field, number) for number in range(first, first + count)], len(field.lead) + 1)
        for name, field in fields.items()
    }


@cache
def _column(name, field, number):
    draws = generator(0, name, number).random((*field.lead, LIMIT + 1, *field.trailing))
    return torch.from_numpy(draws).mul(200).sub(100 if field.dtype.is_signed else 0).to(field.dtype)


def play(rings, count):
    """Add the next episodes."""
    for ring in rings.values() if count else ():
        ring.add(columns(ring.added, count, ring.fields), lengths_of(ring.added, count))


def tensors_of(round_):
    """Networks and optimiser state of a round, in every dtype, with views into one storage."""
    draws = torch.from_numpy(generator(0, "tensors", round_).random(24))
    flat = draws.float()
    return {
        "agents": {"fc.weight": flat[:12].view(2, 6), "fc.bias": flat[12:18], "transposed": flat.view(4, 6).T},
        "optimiser": {
            "moment": draws,
            "step": torch.tensor(round_),
            "mask": draws > 0.5,
            "bytes": (draws * 255).byte(),
        },
        "nothing": {},
    }


def facts_of(round_):
    return {"round": round_, "best": None, "returns": [0.1 * round_, -round_, 1e-300], "big": 2**62 + round_, "ü": "é"}


def save(store, round_, rings):
    return store.save(round_, tensors_of(round_), facts_of(round_), rings)


def check(checkpoint, round_, episodes):
    """Assert that a loaded checkpoint is that of a round after so many episodes, and fill rings from it."""
    assert (checkpoint.round, checkpoint.run_id, checkpoint.facts) == (round_, RUN_ID, facts_of(round_))
    check_tensors(checkpoint, round_)
    rings = new_rings()
    checkpoint.fill(rings)
    expected = new_rings()
    play(expected, episodes)
    for name, ring in rings.items():
        assert ring.added == episodes
        for key, column in expected[name].packed(0).items():
            assert torch.equal(ring.packed(0)[key], column), (name, key)
    return rings


def check_tensors(checkpoint, round_):
    expected = tensors_of(round_)
    assert checkpoint.tensors.keys() == expected.keys()
    for group, tensors in expected.items():
        assert checkpoint.tensors[group].keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert checkpoint.tensors[group][name].dtype == tensor.dtype
            assert torch.equal(checkpoint.tensors[group][name], tensor), (group, name)


def leftovers(folder):
    """Names that only an unfinished save has."""
    return [path for path in folder.rglob("*") if path.name.startswith((".tmp-", ".old-"))]
