"""The properties that users test their strategies for hold for all of ours, and refuse what is broken."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from random import Random
from typing import ClassVar

import pytest
from flwr.app import ArrayRecord

from fedqmix.strategies import STRATEGIES, TeamStrategy
from fedqmix.strategies.a_pps import AveragePPS
from fedqmix.strategies.testing import StrategyProperties

PROPERTIES = [name for name in vars(StrategyProperties) if name.startswith("test_")]


class TestNone(StrategyProperties):
    strategy = STRATEGIES["none"]
    shared = ()


class TestAveragePPS(StrategyProperties):
    strategy = STRATEGIES["a_pps"]


class TestFullSharing(StrategyProperties):
    strategy = STRATEGIES["full_sharing"]


class TestRewardSharePPS(StrategyProperties):
    strategy = STRATEGIES["rs_pps"]


class TestRewardSharePPSCapped(StrategyProperties):
    strategy = STRATEGIES["rs_pps"]
    changes: ClassVar = {"max_weight": 0.4}


class TestRewardSharePPSOfTheTeam(StrategyProperties):
    strategy = STRATEGIES["rs_pps"]
    changes: ClassVar = {"reward": "team"}


class TestRewardSharePPSOfThePolicy(StrategyProperties):
    strategy = STRATEGIES["rs_pps"]
    changes: ClassVar = {"reward": "policy"}


class TestPartialPPS(StrategyProperties):
    strategy = STRATEGIES["pp_pps"]
    shared = ("head.*",)


class TestRewardSharePPSWithMomentum(StrategyProperties):
    strategy = STRATEGIES["rs_pps"]
    changes: ClassVar = {
        "server_optimiser": "momentum",
        "server_learning_rate": 1.0,  # with another, equal agents are moved on purpose
        "adam_moments": "average",
        "share_targets": True,
    }


class TestPartialPPSWithTargets(StrategyProperties):
    strategy = STRATEGIES["pp_pps"]
    shared = ("head.*",)
    changes: ClassVar = {"share_targets": True, "adam_moments": "reset", "proximal_mu": 0.1}


class TestMedian(StrategyProperties):
    strategy = STRATEGIES["median"]
    least_agents = 3
    changes: ClassVar = {"adam_moments": "average", "share_targets": True}


class TestTrimmedMean(StrategyProperties):
    strategy = STRATEGIES["trimmed_mean"]
    least_agents = 3
    changes: ClassVar = {"adam_moments": "average"}


class TestKrum(StrategyProperties):
    strategy = STRATEGIES["krum"]
    least_agents = 5


class TestMultiKrum(StrategyProperties):
    strategy = STRATEGIES["krum"]
    least_agents = 5
    changes: ClassVar = {"krum_select": 3, "adam_moments": "average", "share_targets": True}


class TestBulyan(StrategyProperties):
    strategy = STRATEGIES["bulyan"]
    least_agents = 7
    changes: ClassVar = {"adam_moments": "average"}


class TestNormClip(StrategyProperties):
    strategy = STRATEGIES["norm_clip"]
    changes: ClassVar = {"clip_update": 1.0, "adam_moments": "average", "share_targets": True}


class TestRewardSharePPSClipped(StrategyProperties):
    strategy = STRATEGIES["rs_pps"]
    changes: ClassVar = {"clip_update": 1.5}


class TooMuch(AveragePPS):
    """Weights that sum to 1.01."""

    def weights(self, rewards: Sequence[float]) -> list[float]:
        return [1.01 / len(rewards)] * len(rewards)


class FirstComesFirst(AveragePPS):
    """Agent 0 alone."""

    def weights(self, rewards: Sequence[float]) -> list[float]:
        return [1.0] + [0.0] * (len(rewards) - 1)


class Curious(AveragePPS):
    """Asks for everything, whatever is shared."""

    def join(self, grid) -> ArrayRecord:
        self.settings.shared = ["*"]
        return super().join(grid)


class Restless(AveragePPS):
    """Adds a little to every average."""

    def aggregate_train(self, server_round, replies):
        arrays, metrics = super().aggregate_train(server_round, replies)
        moved = {name: type(array)(array.numpy() * 1.1 + 1) for name, array in arrays.items()}
        return ArrayRecord(moved), metrics


def failing(broken: type[TeamStrategy]) -> set[str]:
    """Return the properties that a strategy lacks."""
    tests = type("Broken", (StrategyProperties,), {"strategy": broken})()
    example = {"rewards": [3.0, 1.0, 0.0], "random": Random(1), "start": 2.0, "gain": 0.5}
    failed = set()
    for name in PROPERTIES:
        inner = getattr(StrategyProperties, name).hypothesis.inner_test
        try:
            inner(tests, **{key: value for key, value in example.items() if key in signature(inner).parameters})
        except AssertionError:
            failed.add(name)
    return failed


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (TooMuch, {"test_weights_sum_to_1", "test_equal_agents_are_not_moved"}),
        (FirstComesFirst, {"test_the_order_of_agents_does_not_matter"}),
        (Curious, {"test_personal_names_are_untouched"}),
        (Restless, {"test_equal_agents_are_not_moved"}),
        (AveragePPS, set()),
    ],
)
def test_each_property_refuses_who_lacks_it(broken: type[TeamStrategy], expected: set[str]) -> None:
    assert failing(broken) == expected
