"""Toy agents behind a FederationGrid whose network has faults, and runs of them."""

from functools import cache

import numpy as np
from hypothesis import strategies as st

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.transport.records import opened
from fedqmix.server.federation_grid import FederationGrid
from support.faulty_network import FAULTS, Agents, FaultyNetwork, Time
from support.toy_agents import ToyAgents, ToyGrid, federate, make_strategy

PATIENCE_S = 300.0
ROUNDS = 3


class Federation:
    """Toy agents behind a FederationGrid over a faulty network."""

    def __init__(
        self, faults=(), stray=False, team=None, n_agents=3, patience=PATIENCE_S, network=FaultyNetwork, nodes=None
    ):
        self.time = Time()
        self.agents = Agents(team or ToyAgents(), n_agents)
        self.network = network(self.time, self.agents, faults, stray)
        self.events = []
        self.attempts = 0
        self.grid = FederationGrid(
            self.network, n_agents, "run-7", self.agents, self.next_attempt, "seed: 1", patience, self.events.append,
            clock=self.time, nodes=nodes,
        )  # fmt: skip

    def next_attempt(self):
        self.attempts += 1
        return self.attempts

    def asked(self, kind):
        """Plans of all questions of a kind that were pushed."""
        pushed = [one for one in self.network.pushed if one.metadata.message_type == kind]
        return [plan_of(one) for one in pushed]


def plan_of(question):
    """Return the plan of a question that was pushed."""
    return opened(question.content).config_records[m.PLAN]


def any_faults(least, most):
    """Fewer crashes than make the grid give an agent's client up."""
    return st.lists(st.sampled_from(FAULTS), min_size=least, max_size=most).filter(
        lambda faults: faults.count("client crashes") < 5
    )


def toy_run(grid, name="rs_pps", facts=None, **changes):
    """Arrays after some rounds, evaluations among them, with the policy questions of rs_pps."""
    strategy = make_strategy(name, reward="policy", **changes)
    strategy.evaluate_every = 50
    return strategy, federate(strategy, grid, ROUNDS, facts)


def arrays_of(result):
    return {name: array.numpy() for name, array in result.arrays.items()}


@cache
def undisturbed():
    """The arrays of a toy run without a network."""
    return arrays_of(toy_run(ToyGrid(ToyAgents()))[1])


def same(one, other):
    assert list(one) == list(other)
    return all(np.array_equal(one[name], other[name]) for name in one)
