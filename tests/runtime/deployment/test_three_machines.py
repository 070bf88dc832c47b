"""The section "Three machines" of docs/deployment.md, command by command, with network namespaces as machines.

Each machine has nothing but its own folder, the certificates the text copies there, and the open ports the text names.
"""

import json
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from fedqmix.runtime.storage import reading
from support.handbook import blocks, section
from support.machines import NFT, Machine, machines, why_not

TITLE = "Three machines"
SMALL = "experiment=smoke stop.env_steps=100000 stop.rounds=3 strategy.aggregation_interval=30"
PATIENCE = 600.0
"""Seconds to wait for what ought to happen, on a slow machine."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[list[Machine]]:
    if reason := why_not():
        pytest.skip(reason)
    addresses = [re.search(rf"\b{name} \(?(?:at )?(10\.0\.0\.\d)", section(TITLE)) for name in ("A", "B", "C")]
    with machines(tmp_path, [found[1] for found in addresses if found]) as found:
        yield found


def test_the_three_machine_walk(lan: list[Machine]) -> None:
    home, abroad, _ = lan
    _copy_certificates(lan, blocks(TITLE)[0])
    _close_ports(lan)
    _start_everybody(lan, blocks(TITLE)[1])
    for command in blocks(TITLE)[2]:
        _healthy(abroad, command)
    (train,) = blocks(TITLE)[3]

    first = _trained(home, train, "run_dir=first")
    assert (home.work / "runs" / "first" / "config.yaml").read_text().count("name: rs_pps") == 1
    another = _trained(home, train, "strategy=pp_pps", "run_dir=another")  # nobody was started again
    assert (home.work / "runs" / "another" / "config.yaml").read_text().count("name: pp_pps") == 1
    assert _attempts(another) == _attempts(first)

    abroad.log("supernode-1").write_text("")
    submitted = home.begin(f"{train} {SMALL} run_dir=disturbed")
    disturbed = home.work / "runs" / "disturbed"
    _until(lambda: _asked(abroad, "ROUND 2", "train"), "the second round of the run to be disturbed")
    idle = abroad.seconds_worked("agent-1")
    _until(lambda: abroad.seconds_worked("agent-1") > idle + 0.2, "agent 1 to be at work in that round")
    abroad.kill("agent-1")
    assert _rounds(disturbed) == 1
    (again,) = (command for command in blocks(TITLE)[1] if "certs=certs/agent-1" in command)
    abroad.start(again)
    said = submitted.communicate(timeout=PATIENCE)[0]
    assert submitted.returncode == 0, said
    _check(disturbed)
    assert _attempts(disturbed) > _attempts(first)
    _the_same(lan, first, disturbed)


def _copy_certificates(lan: list[Machine], commands: list[str]) -> None:
    """Run the commands on A; what ssh and scp would do is done to the folders of B and C."""
    here = lan[0]
    at = {machine.address: machine for machine in lan}
    for command in commands:
        program, *words = shlex.split(command)
        if program == "ssh":
            assert words[1:3] == ["mkdir", "-p"]
            (at[words[0]].home / words[3]).mkdir(parents=True)
        elif program == "scp":
            assert words[0] == "-r"
            address, _, folder = words[-1].partition(":")
            target = at[address].home / folder
            assert target.is_dir()
            for source in words[1:-1]:
                shutil.copytree(here.work / source, target / Path(source).name)
        else:
            done = here.run(command)
            assert done.returncode == 0, done.stderr
    for number, machine in enumerate(lan[1:], start=1):
        folders = {path.name for path in (machine.work / "certs").iterdir()}
        assert folders == {f"agent-{number}", f"supernode-{number}"}


def _close_ports(lan: list[Machine]) -> None:
    if not NFT:
        print("no nft here: every port is open")
        return
    opened = re.search(r"A lets B and C in on ([\d, and]+)\.", section(TITLE))
    assert opened is not None
    others = ", ".join(machine.address for machine in lan[1:])
    lan[0].let_in({others: ", ".join(re.findall(r"\d+", opened[1]))})
    for machine in lan[1:]:
        machine.let_in({})


def _start_everybody(lan: list[Machine], commands: list[str]) -> None:
    machine = None
    for command in commands:
        if command.startswith("# "):
            machine = dict(zip("ABC", lan, strict=True))[command[2]]
        else:
            assert machine is not None
            machine.start(command)


def _healthy(machine: Machine, command: str) -> None:
    answers: list[str] = []

    def well() -> bool:
        done = machine.run(command)
        answers[:] = [done.stdout + done.stderr]
        return done.returncode == 0

    _until(well, f"{command}: {answers}")


def _trained(machine: Machine, command: str, *words: str) -> Path:
    """Submit a run and wait for its end; its folder."""
    began = time.monotonic()
    done = machine.run(f"{command} {SMALL} {' '.join(words)}", PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = machine.work / "runs" / words[-1].partition("=")[2]
    print(f"{folder.name}: {time.monotonic() - began:.1f} s")
    assert "sent in 3 rounds" in done.stdout
    _check(folder)
    return folder


def _check(run: Path) -> None:
    assert json.loads((run / "summary.json").read_text())["outcome"] == "finished"
    assert _rounds(run) == 3
    assert (run / "metrics.jsonl").read_text().count("\n") >= 1


def _asked(machine: Machine, round_: str, what: str) -> bool:
    """Whether SuperNode 1 says that it has received a question of that round."""
    return f"Receiving: {what} message" in machine.log("supernode-1").read_text().partition(round_)[2]


def _rounds(run: Path) -> int:
    path = run / "progress.jsonl"
    return max((json.loads(line)["round"] for line in path.read_text().splitlines()), default=0) if path.exists() else 0


def _attempts(run: Path) -> int:
    return int((run / "attempts").read_text())


def _the_same(lan: list[Machine], one: Path, other: Path) -> None:
    """Two runs ended with the same parameters, on the server and with every agent."""
    pairs = [(reading.load(reading.locate(one)).tensors, reading.load(reading.locate(other)).tensors)]
    for number, machine in enumerate(lan):
        ends = [
            machine.work / "state" / f"agent-{number}" / json.loads((run / "run.json").read_text())["run_id"]
            for run in (one, other)
        ]
        pairs.append(tuple(reading.load(end / "rounds" / "round-000003").tensors for end in ends))
    for first, second in pairs:
        assert first.keys() == second.keys()
        for group, tensors in first.items():
            for name, value in tensors.items():
                torch.testing.assert_close(second[group][name], value, rtol=0, atol=1e-5)


def _until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}"
        time.sleep(0.1)
