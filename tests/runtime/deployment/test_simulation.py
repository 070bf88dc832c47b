"""Flower's simulation: the same ServerApp and ClientApp, nodes in Ray, and the results of one process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from flwr.supercore.run import Run
from flwr.superlink.grid import InMemoryGrid

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.cli.verify import differences, tensors_of
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.deployment import simulation
from fedqmix.runtime.processes import free_ports
from support.tagged import TAG, command_line, new_tag, tagged
from support.toy_agents import ToyAgents, ToyGrid

ROOT = Path(__file__).parents[3]


class Nodes(InMemoryGrid):
    """A grid of so many simulated nodes."""

    def __init__(self, number: int) -> None:
        self.number = number

    def get_node_ids(self) -> list[int]:
        return list(range(self.number))

    @property
    def run(self) -> Run:
        return Run.create_empty(1)


def test_only_nodes_of_the_simulation_need_the_rest_started() -> None:
    assert simulation.simulated(Nodes(3), {})
    assert not simulation.simulated(Nodes(3), {"FEDQMIX_WORLD": "world:9101"})
    assert not simulation.simulated(ToyGrid(ToyAgents()), {})


def test_too_few_nodes_are_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "NODES_WITHIN_S", 0.0)
    simulation.require_nodes(Nodes(4), 3)
    with pytest.raises(ConfigurationError, match=r"3 agents, and Flower simulates 2 nodes.*num-supernodes=3"):
        simulation.require_nodes(Nodes(2), 3)


def test_nodes_that_come_one_by_one_are_waited_for() -> None:
    grid = Nodes(0)
    threading.Timer(0.2, lambda: setattr(grid, "number", 3)).start()
    simulation.require_nodes(grid, 3)


def lines(found: list[psutil.Process]) -> list[str]:
    return [command_line(process) for process in found if process.is_running()]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where Flower's programs find each other and nobody else's; nothing they started is left behind."""
    tag = new_tag()
    ports = free_ports(2)
    yield {
        **os.environ,
        TAG: tag,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "FLWR_HOME": str(tmp_path / "home"),
        "FLWR_LOCAL_SUPERLINK_HTTP_API_PORT": str(ports[0]),
        "FLWR_LOCAL_CONTROL_API_PORT": str(ports[1]),
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    }
    for process in tagged(tag):  # Flower's local SuperLink stays, by design
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(tagged(tag), timeout=10)


@pytest.mark.slow  # needs Ray (extra `simulation`), which `make test-all` installs
@pytest.mark.timeout(600)
def test_two_rounds_in_flowers_simulation_equal_those_of_one_process(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    # Flower's default gives a node two processors: on a machine with two, one node at a time.
    words = ["experiment=smoke", "stop.rounds=2", "stop.env_steps=1000000", "strategy=rs_pps", "seed=4"]
    run = tmp_path / "simulated"
    asked = ["--federation-config", "num-supernodes=3"]
    asked += ["--run-config", f'overrides="{" ".join(words)} run_dir={run}"']
    done = subprocess.run(
        ["flwr", "run", str(ROOT), "local", "--stream", *asked],
        env=environment, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert (run / "summary.json").exists(), done.stdout + done.stderr
    deadline = time.monotonic() + 30
    while ours := [line for line in lines(tagged(environment[TAG])) if "-m fedqmix" in line]:
        assert time.monotonic() < deadline, ours
        time.sleep(0.2)
    assert main(["train", *words, "checkpoint.every_rounds=1", f"run_dir={tmp_path / 'local'}"]) == 0
    worst = differences(dict(tensors_of(tmp_path / "local")), dict(tensors_of(run)))
    print(worst)
    assert max(worst.values()) <= 1e-5
