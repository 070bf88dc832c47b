"""Adam and norms of networks that share an array: right, and the same as of each network alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedqmix.runtime.kernels.optimiser import Adam, Packing, move_towards, squared_norms
from fedqmix.runtime.kernels.thread_pool import ThreadPool

SHAPES = {"first": (7, 13), "bias": (13,), "last": (13, 3), "one": (1,)}  # no size is whole vectors
NETWORKS, STEPS, RATE = 5, 12, 0.01


def random_packed(packing: Packing, seed: int, dtype: type = np.float32) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.standard_normal(packing.networks * packing.size) * 10.0 ** random.uniform(-6, 3)).astype(dtype)


def only(packing: Packing, packed: np.ndarray, network: int) -> np.ndarray:
    """One network's part, packed by itself."""
    return np.concatenate([value[network].ravel() for value in packing.named(packed).values()])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_network_is_computed_as_if_it_were_alone(dtype: type, threads: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fedqmix.runtime.kernels.optimiser.FEWEST", 1)  # share out even the smallest
    packing, single, thread_pool = Packing(SHAPES, NETWORKS), Packing(SHAPES, 1), ThreadPool(threads)
    whole, adam = random_packed(packing, 0, dtype), Adam(packing, dtype, RATE)
    alone = [only(packing, whole, network) for network in range(NETWORKS)]
    adams = [Adam(single, dtype, RATE) for _ in range(NETWORKS)]
    for step in range(STEPS):
        gradient = random_packed(packing, 1 + step, dtype)
        norms = squared_norms(packing, gradient, thread_pool)
        adam.step(whole, gradient, 0.37, thread_pool)
        for network, parameters in enumerate(alone):
            own = only(packing, gradient, network)
            assert squared_norms(single, own, thread_pool)[0] == norms[network]
            adams[network].step(parameters, own, 0.37, thread_pool)
            assert np.array_equal(parameters, only(packing, whole, network))
            for moment in ("mean", "square"):
                assert np.array_equal(getattr(adams[network], moment), only(packing, getattr(adam, moment), network))


def test_adam_is_torchs():
    packing, thread_pool = Packing(SHAPES, NETWORKS), ThreadPool(1)
    ours = random_packed(packing, 0, np.float64)
    theirs = torch.tensor(ours, requires_grad=True)
    adam, optimiser = Adam(packing, np.float64, RATE), torch.optim.Adam([theirs], lr=RATE)
    for step in range(STEPS):
        gradient = random_packed(packing, 1 + step, np.float64)
        theirs.grad = torch.tensor(0.37 * gradient)
        optimiser.step()
        adam.step(ours, gradient, 0.37, thread_pool)
        assert np.allclose(ours, theirs.detach().numpy(), rtol=1e-12, atol=1e-14)


def test_norms_are_numpys_in_float64():
    packing = Packing(SHAPES, NETWORKS)
    gradient = random_packed(packing, 3)
    norms = squared_norms(packing, gradient, ThreadPool(1))
    for network, norm in enumerate(norms):
        own = only(packing, gradient, network).astype(np.float64)
        assert norm == pytest.approx(own @ own, rel=1e-13)
    packing.named(gradient)["bias"][2, 4] = np.nan
    assert np.isnan(squared_norms(packing, gradient, ThreadPool(1))).tolist() == [False, False, True, False, False]


def test_a_state_is_saved_and_loaded():
    packing, thread_pool = Packing(SHAPES, NETWORKS), ThreadPool(1)
    one, parameters = Adam(packing, np.float32, RATE), random_packed(packing, 0)
    assert one.state() == {}
    for step in range(3):
        one.step(parameters, random_packed(packing, 1 + step), 1.0, thread_pool)
    state = {name: value.copy() for name, value in one.state().items()}
    assert state.keys() == {f"{quantity}.{name}" for quantity in ("step", "exp_avg", "exp_avg_sq") for name in SHAPES}
    assert state["step.bias"] == 3
    assert state["exp_avg.first"].shape == (NETWORKS, 7, 13)
    other, copied = Adam(packing, np.float32, RATE), parameters.copy()
    other.load_state(state)
    gradient = random_packed(packing, 9)
    one.step(parameters, gradient, 1.0, thread_pool)
    other.step(copied, gradient, 1.0, thread_pool)
    assert np.array_equal(parameters, copied)
    other.load_state({})  # as before the first step
    assert not other.steps.any()
    assert not other.mean.any()
    assert not other.square.any()


def test_reset_parameters_begin_again_and_the_others_go_on():
    packing, thread_pool = Packing(SHAPES, NETWORKS), ThreadPool(1)
    start = random_packed(packing, 0)
    not_terminated, fresh, reset = (Adam(packing, np.float32, RATE) for _ in range(3))
    for adam in (not_terminated, reset):
        for step in range(3):
            adam.step(start.copy(), random_packed(packing, 1 + step), 1.0, thread_pool)
    reset.reset(["bias", "last"])
    results = {}
    for adam in (not_terminated, fresh, reset):
        parameters = start.copy()
        for step in range(2):
            adam.step(parameters, random_packed(packing, 9 + step), 1.0, thread_pool)
        results[adam] = packing.named(parameters)
    for name in SHAPES:
        expected, other = (fresh, not_terminated) if name in ("bias", "last") else (not_terminated, fresh)
        assert np.array_equal(results[reset][name], results[expected][name])
        assert not np.array_equal(results[reset][name], results[other][name])


@pytest.mark.parametrize("rate", [1.0, 0.05])
def test_moving_towards(rate: float):
    packing = Packing(SHAPES, NETWORKS)
    target, online = random_packed(packing, 0), random_packed(packing, 1)
    expected = target.astype(np.float64) + rate * (online.astype(np.float64) - target)
    move_towards(target, online, rate)
    assert np.allclose(target, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    if rate == 1:
        assert np.array_equal(target, online)
