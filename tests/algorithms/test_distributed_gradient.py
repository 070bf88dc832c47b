"""Split learning between agents and mixer is centralised learning: the learner against plain autograd."""

import numpy as np
import pytest
import torch

from fedqmix.clients.learning import train_step
from support.episodes import in_double, random_episode, store, without_kernels
from support.plain import PlainTeam
from support.toy_team import algorithm, make_agents, make_learner
from support.toy_world import toy_spec
from support.watched import WatchedMixer

SPEC = toy_spec(n_agents=3, n_actions=4, limit=5)
LENGTHS = (1, 5, 3, 5, 1, 4, 2)
METHODS = [
    {"name": "iql"},
    {"name": "vdn"},
    {"name": "qmix", "hypernetwork_layers": 1},
    {"name": "qmix", "hypernetwork_layers": 2},
]
METHOD_NAMES = ["iql", "vdn", "qmix, one layer", "qmix, two layers"]
HARD, SOFT = (2, 1.0), (1, 0.05)  # update the targets every so many steps, by so much
COMBINATIONS = [(True, HARD, 1e6), (True, SOFT, 0.05), (False, HARD, 0.05), (False, SOFT, 1e6)]  # every pair once
COMBINATION_NAMES = ["double-hard", "double-soft-clipped", "single-hard-clipped", "single-soft"]
STEPS = 3
FLOAT64 = 1e-10  # the claim is 1e-6; only rounding should be left


def relative(one, other):
    """Largest difference, relative to the largest value (1 for anything but zeros where zeros are expected)."""
    one, other = one.detach().double(), other.detach().double()
    assert one.shape == other.shape
    largest = max(float(one.abs().max()), float(other.abs().max()))
    return float((one - other).abs().max()) / largest if largest else 0.0


def begin(settings, double=True, shared=False, compiled=True):
    """The same team twice: as agents with a mixer, and plain."""
    agents, learner = make_agents((0, 1, 2), SPEC, settings), make_learner(SPEC, settings)
    if not compiled:
        without_kernels(agents, learner)
    if shared:
        agents.load({name: value[:1].expand_as(value) for name, value in agents.online.items()})
    if double:
        in_double(agents, learner)
    random = np.random.default_rng(11)
    episodes = [random_episode(random, SPEC, length, bool(at % 2)) for at, length in enumerate(LENGTHS)]
    store(episodes, agents, learner)
    networks = [{name: value[agent] for name, value in agents.online.items()} for agent in agents.agent_ids]
    plain = PlainTeam(
        networks[:1] if shared else networks, dict(learner.half.mixer.named_parameters()), SPEC.n_agents, settings
    )
    return agents, learner, plain, episodes


def packed(values, batch):
    """Plain Q-values in the order that agents and mixer speak of them: time step by time step, longest first."""
    longest = max(episode.length for episode in batch)
    order = [(b, t) for t in range(longest) for b, episode in enumerate(batch) if t < episode.length]
    return torch.stack([torch.stack([values[agent, b, t] for b, t in order]) for agent in range(SPEC.n_agents)])


def agree(agents, learner, plain, episodes, *, tied=False):
    """Take one step with both and compare everything; return what was seen."""
    mixer = WatchedMixer(learner, agents)
    train_step(agents, mixer, tied)
    batch = [episodes[slot] for slot in mixer.slots]
    expected = plain.step(batch)
    assert relative(mixer.rows["q_taken"], packed(expected.q_taken, batch)) < FLOAT64
    assert relative(mixer.rows["q_next"], packed(expected.q_next, batch)) < FLOAT64
    assert relative(mixer.row_gradients["q_taken"], packed(expected.value_gradients, batch)) < FLOAT64
    report = learner.report()
    assert report["loss"] == pytest.approx(expected.loss, rel=FLOAT64)
    assert report["grad_norm"] == pytest.approx(expected.norm, rel=FLOAT64)
    assert mixer.scale == pytest.approx(expected.scale, rel=FLOAT64)
    for agent in agents.agent_ids:
        own = 0 if len(plain.networks) == 1 else agent
        for name in agents.online:
            assert relative(mixer.gradients[name][agent], expected.gradients[own][name]) < FLOAT64, name
            assert relative(agents.online[name][agent], plain.networks[own][name]) < FLOAT64, name
            assert relative(agents.target[name][agent], plain.target_networks[own][name]) < FLOAT64, name
    named = dict(learner.half.mixer.named_parameters())
    assert named.keys() == plain.mixer.keys() == expected.mixer_gradients.keys()
    for name, value in named.items():
        assert relative(mixer.mixer_gradients[name], expected.mixer_gradients[name]) < FLOAT64, name
        assert relative(value, plain.mixer[name]) < FLOAT64, name
        assert relative(learner.target.mixer.get_parameter(name), plain.target_mixer[name]) < FLOAT64, name
    return mixer, batch


DOUBLE = pytest.mark.parametrize(
    "compiled", [pytest.param(True, marks=pytest.mark.slow), False], ids=["kernels", "torch"]
)
"""Both backends in float64. The kernels' compilation for it takes a minute; `make test` has them in float32 only."""


@DOUBLE
@pytest.mark.parametrize("method", METHODS, ids=METHOD_NAMES)
@pytest.mark.parametrize(("double_q", "target", "clip"), COMBINATIONS, ids=COMBINATION_NAMES)
def test_steps_agree_with_plain_autograd(compiled, method, double_q, target, clip):
    settings = algorithm(
        **method,
        double_q=double_q,
        target_update_interval=target[0],
        target_update_rate=target[1],
        grad_norm_clip=clip,
        batch_size=5,
    )
    agents, learner, plain, episodes = begin(settings, compiled=compiled)
    drawn = []
    for _ in range(STEPS):
        mixer, batch = agree(agents, learner, plain, episodes)
        assert (mixer.scale < 1) == (clip < 1)
        drawn += batch
    assert {1, SPEC.episode_limit} <= {episode.length for episode in drawn}
    assert {episode.terminated for episode in drawn} == {True, False}
    assert any(not seen.any() for episode in drawn for agent in episode.observations for seen in agent), "no dead agent"


@DOUBLE
@pytest.mark.parametrize("method", METHODS, ids=METHOD_NAMES)
@pytest.mark.parametrize("td_lambda", [0.6, 1.0])
def test_lambda_returns_agree_with_their_definition(compiled, method, td_lambda):
    settings = algorithm(**method, td_lambda=td_lambda, batch_size=5, grad_norm_clip=1e6)
    agents, learner, plain, episodes = begin(settings, compiled=compiled)
    drawn = []
    for _ in range(STEPS):
        drawn += agree(agents, learner, plain, episodes)[1]
    truncated = {episode.length for episode in drawn if not episode.terminated}
    assert min(truncated) < SPEC.episode_limit, "a short truncated episode is among them"
    assert len(truncated) > 1


@DOUBLE
@pytest.mark.parametrize("method", METHODS, ids=METHOD_NAMES)
def test_tied_gradients_are_one_shared_network(compiled, method):
    """strategy full_sharing: N copies that take every step with the team's sum are one network."""
    settings = algorithm(**method, batch_size=5, grad_norm_clip=0.1, target_update_interval=2)
    agents, learner, plain, episodes = begin(settings, shared=True, compiled=compiled)
    assert len(plain.networks) == 1
    for _ in range(STEPS):
        mixer, _ = agree(agents, learner, plain, episodes, tied=True)
        assert mixer.scale < 1


@pytest.mark.parametrize("compiled", [True, False], ids=["kernels", "torch"])
@pytest.mark.parametrize("method", METHODS, ids=METHOD_NAMES)
def test_production_arithmetic_agrees(compiled, method):
    """In float32, as it is used: the same step up to its rounding."""
    settings = algorithm(**method, batch_size=7)
    agents, learner, plain, episodes = begin(settings, double=False, compiled=compiled)
    mixer = WatchedMixer(learner, agents)
    train_step(agents, mixer)
    expected = plain.step([episodes[slot] for slot in mixer.slots])
    for agent in agents.agent_ids:
        for name, gradient in mixer.gradients.items():
            assert gradient.dtype == torch.float32
            assert relative(gradient[agent], expected.gradients[agent][name]) < 1e-5, name
    for name, gradient in mixer.mixer_gradients.items():
        assert relative(gradient, expected.mixer_gradients[name]) < 1e-5, name


def test_single_and_double_q_differ_on_these_episodes():
    """Else the comparisons above would say nothing about which network judges the next action."""
    seen = []
    for double_q in (True, False):
        agents, learner, _, _ = begin(algorithm(double_q=double_q, target_update_interval=99), compiled=False)
        mixer = WatchedMixer(learner, agents)
        for _ in range(STEPS):
            train_step(agents, mixer)
        seen.append(mixer.rows["q_next"])
    assert not torch.equal(*seen)
