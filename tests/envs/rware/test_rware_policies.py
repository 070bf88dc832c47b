"""The hand-written teams of the warehouse: what they deliver, and what it depends on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fedqmix.analysis.benchmarks.team_returns import play_episodes
from fedqmix.envs import make_world
from fedqmix.envs.rware.moving import FORWARD, STAY, TOGGLE, TURN_RIGHT
from fedqmix.envs.rware.policies import WarehouseTeam
from fedqmix.envs.rware.tasks import find_task
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.core.errors import ConfigurationError
from support.warehouses import DOWN, RIGHT, UP, PlacedWarehouse, rware_options
from support.worlds import KeepingSink, training


def returns_of(policy: str, task: str, episodes: int, seed: int = 0, **changes: object) -> np.ndarray:
    """Return each agent's returns of a policy's first episodes: [agents, episodes]."""
    options, sink = rware_options(**changes), KeepingSink()
    team = WarehouseTeam(policy, find_task(task, options), options, seed)
    world = make_world(task, 0, options, sink)
    team.begin(training(0, episodes))
    time_step = world.begin(training(0, episodes))
    returns = np.zeros((world.spec.n_agents, episodes))
    while not time_step.truncated.all():
        time_step = world.step(team.choose(sink.time_steps[-1].state))
        returns += time_step.individual_rewards
    world.close()
    return returns


@pytest.mark.parametrize(
    ("task", "least"),
    [("rware-tiny-2ag-v2", 12), ("rware-small-4ag-hard-v2", 6), ("rware-2color-tiny-4ag-v1", 8)],
)
def test_every_carrier_delivers_in_every_episode(task: str, least: int) -> None:
    returns = returns_of("carrier", task, 10)
    assert returns.min() > 0
    assert returns.sum(0).min() > least


def test_random_teams_seldom_deliver() -> None:
    returns = returns_of("random", "rware-tiny-4ag-v2", 400).sum(0)
    assert 0 < returns.mean() < 0.5


def test_the_rewards_kinds_agree_on_what_is_delivered() -> None:
    own, shared = (returns_of("carrier", "rware-tiny-2ag-v2", 3, reward=kind) for kind in ("individual", "global"))
    np.testing.assert_array_equal(shared, own.sum(0)[None].repeat(2, 0))
    in_stages = returns_of("carrier", "rware-tiny-2ag-v2", 3, reward="two_stage")
    assert (own - 1 <= in_stages).all()
    assert (in_stages <= own).all()
    assert (own - in_stages).max() == 0.5  # the last shelf that an agent delivered is not back at the limit


def test_what_a_team_does_depends_on_the_seed_and_the_episode() -> None:
    whole = returns_of("carrier", "rware-tiny-4ag-v2", 4, seed=1)
    np.testing.assert_array_equal(whole[:, :2], returns_of("carrier", "rware-tiny-4ag-v2", 2, seed=1))
    assert not np.array_equal(whole, returns_of("carrier", "rware-tiny-4ag-v2", 4, seed=2))


def test_a_carrier_takes_the_shortest_way() -> None:
    """From (3, 5) to (2, 8), and with the shelf to the goal (4, 10): six times forward, two turns."""
    agents = [(3, 5, UP), (9, 0, RIGHT)]
    placed = PlacedWarehouse("rware-tiny-2ag-v2", agents, [(2, 8), (8, 1)], options=rware_options())
    team = WarehouseTeam("carrier", placed.task, placed.options, 0, explore=0.0)
    team.begin(training(0, 1))
    acts = []
    placed.step(STAY, STAY)
    rewards = []
    for _ in range(14):
        actions = team.choose(placed.views.state)[:, 0]
        acts.append(int(actions[0]))
        rewards.append(placed.step(*actions)[0])
    ways = [TURN_RIGHT, TURN_RIGHT, FORWARD, FORWARD, FORWARD, TURN_RIGHT, FORWARD, TOGGLE]
    assert acts[:8] == ways
    assert placed.place(0) == (4, 10)
    assert rewards == [0] * 13 + [1]


def test_two_carriers_fetch_different_shelves_and_one_waits() -> None:
    placed = PlacedWarehouse(
        "rware-tiny-3ag-hard-v2", [(1, 3, DOWN), (2, 4, DOWN), (0, 0, UP)], [(1, 4)], options=rware_options()
    )
    team = WarehouseTeam("carrier", placed.task, placed.options, 0, explore=0.0)
    team.begin(training(0, 1))
    placed.step(STAY, STAY, STAY)
    assert team.choose(placed.views.state)[:, 0].tolist() == [FORWARD, STAY, STAY]


def test_the_teams_read_the_short_state() -> None:
    options = rware_options(obs_instead_of_state=True)
    with pytest.raises(ConfigurationError, match=r"write env.obs_instead_of_state=false"):
        WarehouseTeam("carrier", find_task("rware-tiny-2ag-v2", options), options, 0)


def test_figures_are_json(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "warehouse", "maps=rware-tiny-2ag-v2,rware-tiny-5ag-v2", "episodes=3", "env.episode_limit=100"]
    assert main([*words, "threads=1"]) == 0
    results = json.loads(capfd.readouterr().out)["results"]
    assert set(results) == {"rware-tiny-2ag-v2", "rware-tiny-5ag-v2"}
    options = rware_options(episode_limit=100)
    team = WarehouseTeam("carrier", find_task("rware-tiny-5ag-v2", options), options, 0)
    played = play_episodes(team, "rware-tiny-5ag-v2", options, 3, 0, of_state=True)
    assert played.lengths.tolist() == [100] * 3
    assert results["rware-tiny-5ag-v2"]["carrier"]["return_mean"] == round(float(played.returns.mean()), 2) > 5
