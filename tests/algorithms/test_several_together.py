"""Several runs' teams computed as one program: each learns and acts as it would alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.clients.learning import train_step
from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.conf.schema import ModelConfig
from fedqmix.runtime.core.batched_runs import SINGLE_RUN, BatchedRuns, Work
from fedqmix.runtime.runs.seeds.run_batcher import RunBatcher
from fedqmix.server.team_learner import TeamLearner
from fedqmix.server.team_records import TeamRecords
from support.episodes import in_double, random_episode, store, without_kernels
from support.toy_team import ATTENTION, CPU, ToyTeam, algorithm
from support.toy_world import ToyWorld, toy_spec

SPEC = toy_spec(n_agents=3, n_actions=6, limit=9)
MODEL = ModelConfig(name="gru", hidden=7, initialisation="uniform", agent_id=True, last_action=True)
SEEDS = (5, 6, 7)


def team(seed: int, batched_runs: BatchedRuns = SINGLE_RUN, double: bool = True, **changes) -> ToyTeam:
    """A team that torch computes."""
    settings = algorithm(**{"batch_size": 6, "buffer_size": 20, **changes})
    model = ATTENTION if settings.name == "refil" else MODEL
    agents = AgentStack(range(SPEC.n_agents), SPEC, model, settings, seed, CPU, batched_runs)
    learner = TeamLearner(SPEC, settings, TeamRecords(SPEC, 20, CPU), seed, CPU, batched_runs)
    without_kernels(agents, learner, batched_runs)
    if double:
        in_double(agents, learner)
    return ToyTeam(agents, ToyWorld(SPEC, seed, learner.records), learner)


def with_episodes(one: ToyTeam, seed: int, varies: bool = False) -> ToyTeam:
    """Store episodes of lengths that depend on the seed; with another longest one, and other numbers of transitions.

    varies: whether agents are absent from some episodes, with the first seed from none.
    """
    random = np.random.default_rng(seed)
    lengths = random.integers(1, SPEC.episode_limit - seed % 3, 12)
    exists = random.random((SPEC.n_agents, 12)) < 0.6 if varies and seed != SEEDS[0] else None
    episodes = [random_episode(random, SPEC, int(n), bool(n % 2)) for n in lengths]
    store(episodes, one.agents, one.learner, exists=exists)
    return one


def outcome(one: ToyTeam) -> dict[str, torch.Tensor]:
    """Everything that learning changes."""
    return {**one.agents.state(), **{f"team.{name}": value for name, value in one.learner.state().items()}}


def side_by_side(runs: Sequence[Callable[[], None]]) -> None:
    """Let each run go in a thread of its own."""
    with ThreadPoolExecutor(len(runs)) as pool:
        for going in [pool.submit(run) for run in runs]:
            going.result(60)


class Counted:
    """A seat that notes how many computed together."""

    def __init__(self, seat: BatchedRuns) -> None:
        self.seat, self.sizes = seat, {work: set() for work in Work}

    def compute(self, work, request, function):
        def noted(requests):
            self.sizes[work].add(len(requests))
            return function(requests)

        return self.seat.compute(work, request, noted)


def assert_alike(together: ToyTeam, alone: ToyTeam, tolerance: float = 1e-9) -> None:
    found, expected = outcome(together), outcome(alone)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        largest = max(float(value.abs().max()), 1e-3)
        assert float((found[name] - value).abs().max()) < tolerance * largest, name


@pytest.mark.parametrize("varies", [False, True], ids=["whole", "varying"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hypernetwork_layers": 1, "double_q": False},
        {"name": "vdn"},
        {"name": "iql"},
        {"name": "qplex"},
        {"name": "qtran"},
        {"name": "refil"},
        {"name": "transf_qmix", "token_width": MODEL.hidden},
        {"name": "transf_state"},
    ],
    ids=str,
)
def test_each_learns_from_its_own_episodes_what_it_would_learn_alone(changes, varies):
    meeting = RunBatcher(len(SEEDS))
    seats = [Counted(meeting.seat(number)) for number in range(len(SEEDS))]
    teams = [with_episodes(team(seed, seat, **changes), seed, varies) for seed, seat in zip(SEEDS, seats, strict=True)]
    lengths = {tuple(one.agents.ring.lengths(np.arange(12)).tolist()) for one in teams}
    assert len(lengths) == len(SEEDS)

    def learn(one: ToyTeam) -> Callable[[], None]:
        return lambda: [train_step(one.agents, one.learner) for _ in range(4)] and None

    side_by_side([learn(one) for one in teams])
    for one, seed in zip(teams, SEEDS, strict=True):
        alone = with_episodes(team(seed, **changes), seed, varies)
        learn(alone)()
        assert_alike(one, alone)
    sizes = [seat.sizes[work] for seat in seats for work in (Work.ROWS, Work.GRADIENT, Work.BACKWARD)]
    assert set().union(*sizes) == {len(SEEDS)}


@pytest.mark.parametrize("changes", [{}, {"name": "ippo", "parallel_episodes": 6, "epsilon_finish": 1.0}], ids=str)
def test_whole_rounds_with_episodes_of_different_length_and_one_run_that_ends_before_the_others(changes):
    plans = [RoundPlan(8, 10**6, False), RoundPlan(8, 10**6, False), RoundPlan(3, 10**6, False)]
    meeting = RunBatcher(len(SEEDS))
    seats = [Counted(meeting.seat(number)) for number in range(len(SEEDS))]
    teams = [team(seed, seat, double=False, **changes) for seed, seat in zip(SEEDS, seats, strict=True)]

    def play(number: int) -> Callable[[], None]:
        def run() -> None:
            one = teams[number]
            try:
                train_round(one.agents, one.world, one.learner, plans[number])
            finally:
                meeting.leave(number)

        return run

    side_by_side([play(number) for number in range(len(SEEDS))])
    for one, seed, plan in zip(teams, SEEDS, plans, strict=True):
        alone = team(seed, double=False, **changes)
        train_round(alone.agents, alone.world, alone.learner, plan)
        assert one.agents.train_steps == plan.training_steps
        assert_alike(one, alone, 1e-3)
    assert {3, 2} <= set().union(*(seat.sizes[Work.ROWS] for seat in seats))
    assert 3 in set().union(*(seat.sizes[Work.ACTING] for seat in seats))
