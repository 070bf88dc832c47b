"""The properties that users test their strategies for hold for all of ours, and refuse what is broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from random import Random
from typing import Any, ClassVar

import pytest
from flwr.app import ArrayRecord

from fedqmix.runtime.core.errors import FederationError
from fedqmix.strategies import STRATEGIES, TeamStrategy
from fedqmix.strategies.a_pps import AveragePPS
from fedqmix.strategies.mixing import Matrix
from fedqmix.strategies.sub_network_strategy import SubNetworkStrategy
from fedqmix.strategies.sub_networks import RootNetwork
from fedqmix.strategies.testing import PARAMETERS, StrategyProperties
from support.halves import Halves

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


class TestClusters(StrategyProperties):
    strategy = STRATEGIES["clusters"]

    def changes_for(self, order: Sequence[int]) -> dict[str, Any]:
        """The agents of even and those of odd number, averaged with everything beside the parameters."""
        groups = [[place for place, agent in enumerate(order) if agent % 2 == odd] for odd in (0, 1)]
        return {"clusters": [group for group in groups if group], "adam_moments": "average", "share_targets": True}


class TestSelectiveSharing(TestClusters):
    """With given clusters seps is `clusters`."""

    strategy = STRATEGIES["seps"]


class TestClustersClippedOfTheHead(TestClusters):
    shared = ("head.*",)

    def changes_for(self, order: Sequence[int]) -> dict[str, Any]:
        """Each agent alone but the first two."""
        together = [place for place, agent in enumerate(order) if agent < 2]
        others = [[place] for place in range(len(order)) if place not in together]
        return {"clusters": [together, *others], "clip_update": 1.5}


class Neighbours(AveragePPS):
    """Each agent's head is the mean of all; its other layers lean towards itself. W differs by parameter."""

    def mixing_matrix(self, name: str, rewards: Mapping[int, float]) -> Matrix:
        if name.startswith("head."):
            return super().mixing_matrix(name, rewards)
        others = 0.5 / self.n_agents
        return [[others + 0.5 * (i == j) for j in range(self.n_agents)] for i in range(self.n_agents)]


class TestNeighbours(StrategyProperties):
    strategy = Neighbours


class TestHalves(StrategyProperties):
    """Element-wise masks: every agent holds a half of each parameter's elements (support.halves)."""

    strategy = Halves
    changes: ClassVar = {"adam_moments": "average", "share_targets": True}

    def changes_for(self, order: Sequence[int]) -> dict[str, Any]:
        return self.changes | {"clusters": [[agent] for agent in order]}


ROOT = RootNetwork(
    {"fc.weight": (2, 5), "gru.weight_hh": (5, 4), "head.weight": (5, 2), "head.bias": (2,)},
    PARAMETERS,
    {"fc.weight": (None, "fc"), "gru.weight_hh": ("fc", "gru"), "head.weight": ("fc", None), "head.bias": (None,)},
)
"""A root of 5 and 4 units, of which the toy networks are parts of 3 and 2."""


class OfParts(StrategyProperties):
    """Strategies whose agents hold parts of a root network."""

    def make(self, order: Sequence[int], shared: Sequence[str] | None = None) -> TeamStrategy:
        strategy = super().make(order, shared)
        assert isinstance(strategy, SubNetworkStrategy)
        strategy.divide(ROOT)
        strategy.seed = 1
        return strategy


class TestAdaptive(OfParts):
    strategy = STRATEGIES["adaps"]

    def changes_for(self, order: Sequence[int]) -> dict[str, Any]:
        """The agents of even and those of odd number, with everything beside the parameters."""
        groups = [[place for place, agent in enumerate(order) if agent % 2 == odd] for odd in (0, 1)]
        clusters = [group for group in groups if group]
        return {"clusters": clusters, "keep": 0.5, "adam_moments": "average", "share_targets": True}


class TestAdaptiveByRandomMasks(TestAdaptive):
    shared = ("head.*",)

    def changes_for(self, order: Sequence[int]) -> dict[str, Any]:
        return super().changes_for(order) | {"masks": "random", "clip_update": 1.5}


class TestRandomSubNetworks(OfParts):
    """The units of an agent are drawn by its number: renumbered agents take theirs along."""

    strategy = STRATEGIES["snp_ps"]
    changes: ClassVar = {"keep": 0.5, "adam_moments": "average"}

    def make(self, order: Sequence[int], shared: Sequence[str] | None = None) -> TeamStrategy:
        strategy = super().make(order, shared)
        assert isinstance(strategy, SubNetworkStrategy)
        drawn = strategy.draw_units
        strategy.draw_units = lambda widths, kept: {  # type: ignore[method-assign]
            group: units[list(order)] for group, units in drawn(widths, kept).items()
        }
        return strategy


class TooMuch(AveragePPS):
    """Weights that sum to 1.01."""

    def weights(self, rewards: Sequence[float]) -> list[float]:
        return [1.01 / len(rewards)] * len(rewards)


class OneRowTooMuch(AveragePPS):
    """A matrix whose last row sums to 1.01."""

    def mixing_matrix(self, name: str, rewards: Mapping[int, float]) -> Matrix:
        rows = [[1 / self.n_agents] * self.n_agents for _ in range(self.n_agents)]
        rows[-1][0] += 0.01
        return rows


class Taken(AveragePPS):
    """Agent 0 gets the last agent's network, all others get agent 0's."""

    def mixing_matrix(self, name: str, rewards: Mapping[int, float]) -> Matrix:
        n = self.n_agents
        return [[float(j == (0 if i else n - 1)) for j in range(n)] for i in range(n)]


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
        except (AssertionError, FederationError):
            failed.add(name)
    return failed


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (TooMuch, set(PROPERTIES)),
        (OneRowTooMuch, set(PROPERTIES)),
        (FirstComesFirst, {"test_the_order_of_agents_does_not_matter"}),
        (Taken, {"test_the_order_of_agents_does_not_matter"}),
        (Curious, {"test_personal_names_are_untouched"}),
        (Restless, {"test_equal_agents_are_not_moved"}),
        (AveragePPS, set()),
    ],
)
def test_each_property_refuses_who_lacks_it(broken: type[TeamStrategy], expected: set[str]) -> None:
    assert failing(broken) == expected
