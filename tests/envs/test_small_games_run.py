"""Teams train on matrix games, predator-prey and group matching, in one process and as a federation."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from support.compared import rows

GAMES = {
    "matrix": ("env=matrix", "map=two_step", "stop.env_steps=200"),
    "predator_prey": ("env=predator_prey", "env.side=4", "env.agents=2", "env.prey=2", "env.episode_limit=15"),
    "group_matching": ("env=group_matching", "env.agents=3", "env.cells=3", "env.episode_limit=15"),
}
SMALL = ("experiment=smoke", "evaluation.every_env_steps=100", "stop.env_steps=400")


@pytest.mark.parametrize("game", GAMES)
def test_a_team_trains(tmp_path: Path, game: str) -> None:
    folder = tmp_path / "run"
    assert main(["train", *SMALL, *GAMES[game], "algorithm=qmix", f"run_dir={folder}"]) == 0
    last = rows(folder)[-1]
    assert last["train_step"] > 0
    assert all(math.isfinite(value) for value in last.values() if isinstance(value, float))
    assert json.loads((folder / "summary.json").read_text())["outcome"] == "finished"
    replays = list((folder / "replays").glob("*"))
    assert bool(replays) == (game == "predator_prey")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("game", GAMES)
def test_a_federation_computes_what_one_process_does(game: str, capfd: pytest.CaptureFixture[str]) -> None:
    words = [*SMALL, *GAMES[game], "stop.env_steps=100000"]
    assert main(["verify", *words, "algorithm=qmix", "strategy=a_pps", "rounds=2"]) == 0
    assert "the same bit for bit" in capfd.readouterr().out
