"""The package rware 2.0.0 and our world play the same episodes, number for number.

Half of the episodes are played by random actions, mostly forward, so that agents meet; half by carriers, so that
shelves are delivered. Every observation, reward and state is compared, and every end.
Episodes are shorter than the published 500 environment steps, because the package takes a few thousand of them in a
second: the slow tests compare 1,000 episodes of each task, `make test` a few.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("rware", reason="rware is not installed: make oracles")

from fedqmix.envs.factory import make_world
from fedqmix.envs.rware.policies import WarehouseTeam
from fedqmix.envs.rware.tasks import find_task
from fedqmix.runtime.core.world import Purpose
from support.rware_package import REWARDS, PackageWarehouse, Ties
from support.warehouses import rware_options
from support.worlds import KeepingSink, copied, training

SEED = 4
FORWARD_MOSTLY = (0.05, 0.6, 0.12, 0.13, 0.1)  # the chances of random actions


class Case(NamedTuple):
    """A task to compare: how it is named in both, and how many environment steps an episode has."""

    task: str
    steps: int
    agents: int | None = None  # where the package registers no task with so many
    changes: dict[str, Any] = {}  # noqa: RUF012


CASES = {
    "tiny-2ag": Case("rware-tiny-2ag-v2", 200),
    "tiny-4ag": Case("rware-tiny-4ag-v2", 150),
    "small-4ag-hard": Case("rware-small-4ag-hard-v2", 150),
    "medium-8ag-easy": Case("rware-medium-8ag-easy-v2", 100),
    "global": Case("rware-tiny-4ag-v2", 100, changes={"reward": "global"}),
    "two_stage": Case("rware-tiny-4ag-v2", 100, changes={"reward": "two_stage"}),
    "far-sighted": Case("rware-small-4ag-v2", 60, changes={"sensor_range": 3, "normalised_coordinates": True}),
    "crowded": Case("rware-tiny-40ag-hard-v2", 30, agents=40),
    "very-crowded": Case("rware-tiny-60ag-hard-v2", 20, agents=60),
}


def compared(case: Case, episodes: int) -> tuple[Ties, float]:
    """Play episodes in both; return the ties and the sum of all rewards. Fails at the first difference."""
    options = rware_options(episode_limit=case.steps, **case.changes)
    sink = KeepingSink()
    world = make_world(case.task, SEED, options, sink)
    batch, n_agents = training(0, episodes), world.spec.n_agents
    team = WarehouseTeam("carrier", find_task(case.task, options), options, SEED)
    team.begin(batch)
    draws = np.random.default_rng(SEED)
    time_steps, acts = [copied(world.begin(batch))], []
    for _ in range(case.steps):
        assert not time_steps[-1].truncated.any()
        chosen = team.choose(sink.time_steps[-1].state)
        random = draws.choice(5, p=FORWARD_MOSTLY, size=(n_agents, episodes))
        acts.append(np.where(np.arange(episodes) % 2, random, chosen))
        time_steps.append(copied(world.step(acts[-1])))
    assert time_steps[-1].truncated.all()
    world.close()

    names = world.spec.state.names
    ties, earned = Ties(), 0.0
    changes = {name: value for name, value in case.changes.items() if name != "reward"}
    kind = REWARDS[case.changes.get("reward", "individual")]
    theirs = PackageWarehouse(
        case.task if case.agents is None else "rware-tiny-19ag-hard-v2",
        case.agents,
        max_steps=case.steps,
        reward_type=kind,
        **changes,
    )
    with ties.chosen_as_ours(theirs):
        for e in range(episodes):
            state = dict(zip(names, sink.time_steps[0].state[e].tolist(), strict=True))
            observations = theirs.begin(state, SEED, Purpose.TRAINING, e)
            np.testing.assert_array_equal(time_steps[0].observations[:, e], observations)
            for step, actions in enumerate(acts, 1):
                observations, rewards, ended, _, _ = theirs.env.step(actions[:, e].tolist())
                where = f"episode {e}, environment step {step}"
                ours, team_ours = time_steps[step], sink.time_steps[step]
                np.testing.assert_array_equal(ours.observations[:, e], observations, where)
                np.testing.assert_array_equal(ours.individual_rewards[:, e], rewards, where)
                np.testing.assert_array_equal(team_ours.state[e], theirs.state(names), where)
                assert team_ours.team_reward[e] == sum(rewards), where
                assert ours.truncated[e] == ended == (step == case.steps), where
                earned += sum(rewards)
    return ties, earned


@pytest.mark.parametrize("name", CASES)
def test_some_episodes_are_the_packages(name: str) -> None:
    ties, earned = compared(CASES[name], 8)
    assert earned > 0
    assert ties.graphs > 0
    if CASES[name].agents:
        assert ties.several > 0


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", CASES)
def test_a_thousand_episodes_are_the_packages(name: str) -> None:
    """Prints (with -s) how often the path that moves is one of several, and how often the package takes another."""
    ties, earned = compared(CASES[name], 1000)
    assert earned > 1000
    print(f"{name}: {earned:g} earned; {ties.graphs} graphs, {ties.several} with ties, {ties.others} differ")
