"""Rows and a configuration for the tests beside this file."""

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.settings import compose
from fedqmix.server.records import Row


def rows(count: int) -> list[Row]:
    """Return rows of a run that gets better; floats that have no short decimal form."""
    return [
        {
            "env_step": 500 * k,
            "episode": 20 * k,
            "round": k,
            "train_step": 10 * k,
            "elapsed_s": k / 3,
            "test_battle_won_mean": min(1.0, k / 7),
            "test_return_mean": 20 * k / 9,
            "test_ep_length_mean": 60 - k / 11,
            "loss": 0.1 / k,
            "grad_norm": 1e-17 * k,
            "epsilon": 1 - k / 13,
            "fed/bytes_up": 2**40 + k,
            "fed/weight_0": 1 / 3,
        }
        for k in range(1, count + 1)
    ]


def config(*words: str) -> Config:
    """Return the smoke configuration with overrides."""
    return compose(["experiment=smoke", "seed=7", *words], maps=("3m",))
