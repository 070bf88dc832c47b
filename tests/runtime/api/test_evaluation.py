"""fedqmix.evaluate: training's own figures, other maps and options, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import fedqmix
from fedqmix.runtime.api.evaluation import Evaluation

SMOKE_EPISODES = 8


def test_it_gives_what_the_run_logged(trained: fedqmix.Run) -> None:
    """The last checkpoint in the numbers of its last evaluation: the same win rate, return and length, bit for bit."""
    row, first = trained.metrics[-1], SMOKE_EPISODES * (len(trained.metrics) - 1)
    team = trained.team()
    varied = fedqmix.evaluate(team, SMOKE_EPISODES, first_episode=first)
    assert varied.win_rate == row["test_battle_won_mean"]
    assert varied.mean_return == row["test_return_mean"]
    assert varied.mean_length == row["test_ep_length_mean"]
    assert len(set(varied.returns)) > 1  # a team that does nothing would be equal to anything
    fixed = fedqmix.evaluate(team, SMOKE_EPISODES, first_episode=first, starts="fixed")
    assert fixed.win_rate == row["test_fixed_battle_won_mean"]
    assert fixed.mean_return == row["test_fixed_return_mean"]
    assert (varied.starts, fixed.starts) == ("varied", "fixed")


@pytest.mark.parametrize("algorithm", ["ippo", "mappo"])
def test_policies_give_what_their_run_logged(algorithm: str, tmp_path: Path) -> None:
    words = ("experiment=smoke", "map=3m", "seed=3", f"algorithm={algorithm}", "algorithm.parallel_episodes=4")
    run = fedqmix.train(*words, f"run_dir='{tmp_path / 'run'}'", progress=False)
    row, first = run.metrics[-1], SMOKE_EPISODES * (len(run.metrics) - 1)
    found = fedqmix.evaluate(run.team(), SMOKE_EPISODES, first_episode=first)
    logged = row["test_battle_won_mean"], row["test_return_mean"], row["test_ep_length_mean"]
    assert (found.win_rate, found.mean_return, found.mean_length) == logged
    assert len(set(found.returns)) > 1


def test_the_best_checkpoint_gives_its_own_evaluation(trained: fedqmix.Run) -> None:
    best = trained.summary["best"]
    number = [row["env_step"] for row in trained.metrics].index(best["env_step"])
    evaluation = fedqmix.evaluate(trained.team("best"), SMOKE_EPISODES, first_episode=SMOKE_EPISODES * number)
    assert (evaluation.win_rate, evaluation.mean_return) == (best["test_battle_won_mean"], best["test_return_mean"])
    assert evaluation.round == best["round"]


def test_batches_do_not_change_results(trained: fedqmix.Run) -> None:
    """40 episodes are played as 32 and 8; the last 8 alone are the same."""
    team = trained.team()
    whole, part = fedqmix.evaluate(team, 40), fedqmix.evaluate(team, 8, first_episode=1_000_000_032)
    assert whole.returns[32:] == part.returns
    assert whole.lengths[32:] == part.lengths
    assert len(whole.won) == whole.episodes == 40
    assert whole.mean_length == sum(whole.lengths) / 40
    low, high = whole.win_rate_interval
    assert 0 <= low <= whole.win_rate <= high <= 1
    assert low < high


def test_it_can_be_written_as_json(trained: fedqmix.Run) -> None:
    evaluation = fedqmix.evaluate(trained.team(), 4)
    read = json.loads(json.dumps(evaluation.as_dict()))
    assert Evaluation(**{name: tuple(v) if isinstance(v, list) else v for name, v in read.items()}) == evaluation
    assert "of 4 episodes" in str(evaluation)


def test_other_seeds_options_and_maps_are_played(trained: fedqmix.Run) -> None:
    team = trained.team()
    own, other = fedqmix.evaluate(team, 8), fedqmix.evaluate(team, 8, seed=99)
    assert own.returns != other.returns or own.lengths != other.lengths
    scaled = fedqmix.evaluate(team, 8, reward_scale=False)
    assert scaled.lengths == own.lengths
    assert max(scaled.returns) > max(own.returns)
    assert (own.map, own.game, own.seed) == ("3m", "skirmish", 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"map": "8m"}, "number of agents is 8 there and 3 in its networks.*number of actions is 14 there and 9"),
        ({"obs_last_action": True}, "an observation's length is 48 there and 30 in its networks"),
        ({"map": "3q"}, "unknown map '3q'"),
        ({"obs_all_helth": True}, "did you mean 'obs_all_health'"),
        ({"name": "smac"}, "unknown option of the world 'name'"),
        ({"reward_win": "much"}, "option reward_win of the world is not valid"),
        ({"reward_win": -1}, "env.reward_win=-1.0 is out of range"),
        ({"starts": "both"}, "starts='both' is not valid"),
        ({"episodes": 0}, "episodes=0 is not valid"),
        ({"seed": -1}, "seed=-1 is not valid"),
        ({"first_episode": True}, "first_episode=True is not valid"),
    ],
)
def test_other_worlds_are_refused(trained: fedqmix.Run, options: dict[str, Any], message: str) -> None:
    with pytest.raises(fedqmix.FedqmixError, match=message):
        fedqmix.evaluate(trained.team(), **options)


def test_only_a_team_is_evaluated(trained: fedqmix.Run) -> None:
    with pytest.raises(fedqmix.InputError, match="team is a Run: load one"):
        fedqmix.evaluate(trained)  # type: ignore[arg-type]
