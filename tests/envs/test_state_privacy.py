"""What the state tells the mixer's side of the agents' actions, and that docs/privacy.md and the defaults say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fedqmix.envs import make_world
from fedqmix.runtime.configuration.settings import compose
from support.worlds import KeepingSink, RandomPlayer, options, over, training

ROOT = Path(__file__).parents[2]
BATTLES = 3


def played(map_: str, **changed: object) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Play battles with random actions.

    Returns, for each environment step, the mixer's state after it [battles, state_dim], the actions taken in it
    [agents, battles], and which battles it was taken in [battles].
    """
    sink = KeepingSink()
    world = make_world(map_, 5, options(**changed), sink)
    choose = RandomPlayer(11, 0, BATTLES)
    time_step = world.begin(training(0, BATTLES))
    actions, going = [], []
    while not over(time_step).all():
        going.append(~over(time_step))
        actions.append(choose(time_step).copy())
        time_step = world.step(actions[-1])
    world.close()
    return [one.state for one in sink.time_steps[1:]], actions, going


@pytest.mark.parametrize("map_", ["3m", "2s3z", "MMM"])
def test_by_default_the_state_tells_every_last_action(map_: str) -> None:
    """They are read off its last columns, a row of flags for each agent."""
    states, actions, going = played(map_)
    agents = actions[0].shape[0]
    n_actions = make_world(map_, 5, options(), KeepingSink()).spec.n_actions
    for state, taken, playing in zip(states, actions, going, strict=True):
        flags = state[:, -agents * n_actions :].reshape(BATTLES, agents, n_actions)
        assert np.array_equal(flags.argmax(-1)[playing], taken.T[playing])
        assert (flags[playing].sum(-1) == 1).all()
    assert len({int(one) for taken in actions for one in taken.flat}) > 5  # there was something to be read


@pytest.mark.parametrize("map_", ["3m", "2s3z", "MMM"])
def test_without_them_the_state_is_the_units_alone(map_: str) -> None:
    """The same battles: the same state but for these columns, which are gone, so that nothing stands in their place."""
    states, actions, _ = played(map_)
    private, same, _ = played(map_, state_last_action=False)
    spec = make_world(map_, 5, options(), KeepingSink()).spec
    assert np.array_equal(np.stack(same), np.stack(actions))
    told = spec.n_agents * spec.n_actions
    assert private[0].shape[1] == states[0].shape[1] - told
    for bare, state in zip(private, states, strict=True):
        assert np.array_equal(bare, state[:, :-told])


def test_observations_in_the_states_place_tell_allies_last_actions() -> None:
    """So the page says of env.obs_instead_of_state: with env.obs_last_action, which adds columns to it."""
    plain, _, _ = played("3m", obs_instead_of_state=True, state_last_action=False)
    telling, _, _ = played("3m", obs_instead_of_state=True, obs_last_action=True, state_last_action=False)
    assert telling[0].shape[1] > plain[0].shape[1]


def test_the_page_says_what_the_default_is_and_which_setting_is_private() -> None:
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    assert compose([]).env.state_last_action is True
    assert "`env.state_last_action=true`, the default, adds the last action of every agent" in page
    assert "`env.state_last_action=false`" in page
    assert "is the private setting" in page
    mixer = next(line for line in page.splitlines() if line.startswith("| **mixer**"))
    sees, never = mixer.split("|")[2:4]
    assert "every agent's last action in it unless `env.state_last_action=false`" in sees
    assert "action" not in never
    for named in ("`env.obs_instead_of_state=true`", "`env.obs_last_action=true`"):
        assert named in page
