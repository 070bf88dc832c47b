"""What lies in the buffers behind an episode's end has no influence, bit for bit."""

import numpy as np
import pytest
import torch

from fedqmix.clients.learning import train_step
from support.episodes import random_episode, store
from support.toy_team import algorithm, make_agents, make_learner
from support.toy_world import toy_spec

SPEC = toy_spec(limit=6)
LENGTHS = (1, 2, 6, 3, 1)


def trained(name, garbage, overwritten=()):
    """Networks and report after three steps; `overwritten` episodes fill the slots first and are then replaced."""
    settings = algorithm(name=name, buffer_size=len(LENGTHS), batch_size=4, target_update_interval=2)
    agents, learner = make_agents((0, 1, 2), SPEC, settings), make_learner(SPEC, settings)
    random = np.random.default_rng(3)
    if overwritten:
        old = [random_episode(random, SPEC, length, True) for length in overwritten]
        for episode in old:
            episode.states = [state + np.inf for state in episode.states]
            episode.rewards = [np.nan] * episode.length
            episode.observations = [[seen + np.nan for seen in own] for own in episode.observations]
        store(old, agents, learner)
    random = np.random.default_rng(4)
    store([random_episode(random, SPEC, length, True) for length in LENGTHS], agents, learner, garbage)
    for _ in range(3):
        train_step(agents, learner)
    return agents.state() | {f"mixer side: {n}": v for n, v in learner.state().items()}


@pytest.mark.parametrize("name", ["iql", "vdn", "qmix", "qplex", "qtran", "flex_qmix", "transf_qmix", "transf_state"])
def test_nothing_behind_the_end_counts(name):
    clean = trained(name, 0.0)
    assert clean["online.fc.weight"].isfinite().all()
    variants = [
        trained(name, np.nan),
        trained(name, 1e30),
        trained(name, -np.inf),
        trained(name, 0.0, overwritten=(6, 6, 6, 6, 6)),  # longer episodes in the same slots before
    ]
    for variant in variants:
        assert variant.keys() == clean.keys()
        for quantity, value in clean.items():
            assert torch.equal(variant[quantity], value), quantity


def test_what_is_inside_counts():
    """The same garbage one moment earlier is noticed, so the test above looks at the right place."""
    clean = trained("qmix", 0.0)
    settings = algorithm(buffer_size=len(LENGTHS), batch_size=4, target_update_interval=2)
    agents, learner = make_agents((0, 1, 2), SPEC, settings), make_learner(SPEC, settings)
    random = np.random.default_rng(4)
    episodes = [random_episode(random, SPEC, length, False) for length in LENGTHS]
    for episode in episodes:
        for own in episode.observations:
            own[episode.length] = own[episode.length] + 1
    store(episodes, agents, learner)
    for _ in range(3):
        train_step(agents, learner)
    assert not torch.equal(agents.state()["online.fc.weight"], clean["online.fc.weight"])
