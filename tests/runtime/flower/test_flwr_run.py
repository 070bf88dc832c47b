"""`flwr run .`, Flower's own command, with this repository as the app, on a federation that is up."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flwr.common.config import parse_config_args

from fedqmix.runtime.configuration.overrides import parse
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.deployment.one_machine import Deployment
from fedqmix.runtime.flower.app import OVERRIDES
from fedqmix.runtime.processes import Supervisor
from fedqmix.runtime.storage import reading

ROOT = Path(__file__).parents[3]
DOCUMENTED = (ROOT / "docs" / "runs.md").read_text()
QUOTED = "overrides=\"strategy=pp_pps 'strategy.shared=[head.*]' seed=3\""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            """flwr run . home --run-config 'overrides="strategy=rs_pps map=3m seed=3"'""",
            ["strategy=rs_pps", "map=3m", "seed=3"],
        ),
        (
            """flwr run . home --run-config "overrides=\\"strategy=pp_pps 'strategy.shared=[gru.*, head.*]'\\"\"""",
            ["strategy=pp_pps", "strategy.shared=[gru.*, head.*]"],
        ),
    ],
)
def test_the_documented_quoting_survives_shell_flower_and_us(line: str, expected: list[str]) -> None:
    assert line in DOCUMENTED
    said = parse_config_args([shlex.split(line)[-1]])
    words = shlex.split(said[OVERRIDES])
    assert words == expected
    parse(words)


def test_the_documented_file_says_what_quotes_cannot(tmp_path: Path) -> None:
    text = next(part for part in DOCUMENTED.split("```") if part.startswith("toml\noverrides = "))
    (tmp_path / "mine.toml").write_text(text.removeprefix("toml\n"))
    words = shlex.split(parse_config_args([str(tmp_path / "mine.toml")])[OVERRIDES])
    assert [override.value() for override in parse(words)] == ["pp_pps", ["head.*"], "runs/my first"]


def flwr(home: Path, *words: str) -> str:
    """Run the program; return what it said."""
    program = Path(sys.executable).parent / "flwr"
    environment = {**os.environ, "FLWR_HOME": str(home), "FLWR_DISABLE_UPDATE_CHECK": "1"}
    done = subprocess.run(
        [program, "run", str(ROOT), *words], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_flwr_run_trains_on_a_superlink(tmp_path: Path) -> None:
    """Words in quotes, and a run folder where `fedqmix submit` would put it. With insecure=true only: `flwr` has no
    certificate to show, and the bundle is this repository.
    """
    runs, home = tmp_path / "runs", tmp_path / "home"
    deployment = Deployment(runs / "federation", 2, None)
    home.mkdir()
    (home / "config.toml").write_text(f'[superlink.team]\naddress = "{deployment.superlink}"\ninsecure = true\n')
    small = "map=2s_vs_1sc experiment=smoke stop.rounds=1 run_dir=runs/mine"
    with Supervisor(print) as supervisor:
        deployment.start(supervisor, 240)
        assert "Successfully started run" in flwr(home, "team", "--run-config", f'{QUOTED[:-1]} {small}"')
        while not (runs / "mine" / "summary.json").exists():
            supervisor.tend()
            time.sleep(0.2)
    assert json.loads((runs / "mine" / "summary.json").read_text())["outcome"] == "finished"
    config = load(runs / "mine")
    assert (config.strategy.name, config.strategy.shared, config.seed) == ("pp_pps", ["head.*"], 3)
    shared = reading.load(reading.locate(runs / "mine")).tensors["aggregate"]
    assert {name.partition(".")[0] for name in shared} == {"head"}
