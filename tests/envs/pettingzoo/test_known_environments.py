"""Environments of other projects through env=pettingzoo, which `make oracles` installs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from fedqmix.envs.code_suite import measured
from fedqmix.envs.factory import make_world
from fedqmix.envs.options import world_options
from fedqmix.envs.random_play import KeepingSink, RandomPlayer, play, training
from fedqmix.testing import WorldContract
from support.own_worlds_page import program

SPREAD = "mpe2.simple_spread_v3:parallel_env"


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch, tag: str, tmp_path: Path) -> None:
    """Workers find what this process finds, and the page's adapters in the current folder."""
    pytest.importorskip("pettingzoo", reason="PettingZoo is not installed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.chdir(tmp_path)
    Path("tuples.py").write_text(program('"""Environments of Gymnasium'))


class TestSimpleSpread(WorldContract):
    suite = "pettingzoo"
    options = {"code": SPREAD, "games": 2}  # noqa: RUF012
    truncates_early = True
    thread_counts = ()

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("mpe2", reason="mpe2 is not installed: make oracles")


@pytest.mark.parametrize(
    ("package", "code", "changes", "sizes", "limit"),
    [
        ("mpe2", SPREAD, {}, (3, 5, 18, 54), 25),
        ("mpe2", "mpe2.simple_speaker_listener_v4:parallel_env", {}, (2, 5, 11, 14), 25),
        ("pygame", "pettingzoo.sisl.pursuit_v5:parallel_env", {"episode_limit": 6}, (8, 5, 147, 768), 6),
        (
            "pygame",
            "pettingzoo.butterfly.knights_archers_zombies_v11:parallel_env",
            {"episode_limit": 6, "state": "observations"},
            None,
            6,
        ),
        ("lbforaging", "tuples.py:foraging", {}, (2, 6, 15, 30), 50),
        ("rware", "tuples.py:warehouse", {"episode_limit": 6}, (2, 5, 71, 142), 6),
    ],
)
def test_a_known_environment_is_played(package: str, code: str, changes, sizes, limit: int) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed: make oracles")
    options, sink = measured(world_options("pettingzoo", code=code, games=2, **changes)), KeepingSink()
    world = make_world("known", 1, options, sink)
    time_steps = play(world, training(0, 2), RandomPlayer(9, 0, 2))
    game = world.game
    world.close()
    spec = world.spec
    assert sizes is None or (spec.n_agents, spec.n_actions, spec.obs_dim, spec.state_dim) == sizes
    assert spec.episode_limit == limit
    assert not time_steps[-1].broken.any()
    assert (time_steps[-1].terminated | time_steps[-1].truncated).all()
    assert np.abs(time_steps[0].observations).sum() > 0
    assert game.endswith(")")
    rewards = np.stack([team.team_reward for team in sink.time_steps])
    own = np.stack([time_step.individual_rewards.sum(0) for time_step in time_steps])
    np.testing.assert_allclose(rewards, own, rtol=1e-5, atol=1e-5)
