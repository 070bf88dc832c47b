"""`fedqmix up`, with real processes of Flower; stand-ins that only say they are healthy play the rest."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.cli.up import sharing_processors, up_command
from fedqmix.runtime.configuration.allowed import Allowed
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.deployment.one_machine import Deployment
from fedqmix.runtime.deployment.temporary_certs import make_certificates
from fedqmix.runtime.transport.local_socket import SUPPORTED
from support.echo_federation import ENVIRONMENT
from support.tagged import TAG, eventually, new_tag, tagged

ROOT = Path(__file__).parents[3]
STAND_IN = """
import sys
from pathlib import Path
from fedqmix.runtime.transport.identity import Identity
from fedqmix.runtime.transport.security import server
options = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
print("standing in for", sys.argv[1:], flush=True)
server(Identity(Path(options["certs"])), [], options["listen"], 1).wait()
"""
UP = f"""
import sys
from fedqmix.runtime.deployment import one_machine
from fedqmix.runtime.cli.main import main

def stand_in(services):
    def of(self):
        for stage in services(self):
            for service in stage:
                if "link" not in service.name and "node" not in service.name:
                    service.command[1:3] = ["-c", {STAND_IN!r}]
            yield stage
    return of

one_machine.Deployment._stages = stand_in(one_machine.Deployment._stages)
sys.exit(main(["up", "map=2s_vs_1sc", *sys.argv[1:]]))
"""


@pytest.fixture
def tag(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A mark that everything started by the test inherits; none of them may be left when it ends."""
    mine = new_tag()
    monkeypatch.setenv(TAG, mine)
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    yield mine
    assert eventually(lambda: not tagged(mine))


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)


@pytest.mark.slow  # tests/runtime/deployment/test_federation.py does it with everybody real
def test_up_runs_to_the_end_and_leaves_nothing(tmp_path: Path, tag: str) -> None:
    run = tmp_path / "my run"
    words = ["seed=3", "stop.env_steps=2", f"run_dir='{run}'"]
    done = subprocess.run(
        [sys.executable, "-c", UP, *words], capture_output=True, text=True, cwd=tmp_path, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not tagged(tag)
    assert f"run folder: {run}" in done.stdout
    answers = [json.loads(line) for line in (run / "answers.jsonl").read_text().splitlines()]
    assert [[one["certs"] for one in answer] for answer in answers] == [["supernode-0", "supernode-1"]] * 2
    parties = {"world", "mixer", "superlink", "agent-0", "agent-1", "supernode-0", "supernode-1"}
    assert {path.stem for path in (run / "logs").iterdir()} == parties
    for party in ("world", "mixer", "agent-0", "agent-1"):
        assert f"standing in for ['{party.partition('-')[0]}'" in (run / "logs" / f"{party}.log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=lambda one: one.name)
def test_up_that_is_ended_early_leaves_nothing_and_says_how_to_go_on(
    tmp_path: Path, tag: str, how: signal.Signals
) -> None:
    run = tmp_path / "run"
    words = ["seed=14", f"run_dir={run}"]
    with subprocess.Popen(
        [sys.executable, "-c", UP, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path
    ) as up:
        wait_for(run / "starts.jsonl", up)
        assert len(tagged(tag)) >= 12  # up, its guard, four stand-ins, SuperLink, SuperNodes, SuperExecs, ServerApp
        began = time.monotonic()
        up.send_signal(how)
        output = up.communicate(timeout=60)[0]
        print(f"ended after {time.monotonic() - began:.1f} s")
    if how is signal.SIGINT:
        assert up.returncode == 130
        assert not tagged(tag)
        assert f"Go on with: fedqmix up resume={run}" in output


@pytest.mark.slow
@pytest.mark.parametrize("command", ["up", "verify"])
def test_keys_are_gone_however_early_it_is_killed(
    command: str, tmp_path: Path, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 at the moment the first key is there, and while services are being started."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    words = [command, "map=2s_vs_1sc", "experiment=smoke", "stop.rounds=1"]
    words += [f"run_dir={tmp_path}/run"] if command == "up" else []
    for until in ("*/ca.crt", "*/supernode-1/auth.key"):
        with subprocess.Popen(
            [sys.executable, "-m", "fedqmix", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as running:
            assert eventually(lambda until=until: any(temporary.glob(until)), 250)
            assert all(path.stat().st_mode & 0o777 == 0o700 for path in temporary.glob("fedqmix*"))
            running.kill()
        assert eventually(lambda: not tagged(tag) and not any(temporary.rglob("*.key")))
        assert not any(temporary.glob("fedqmix*"))
        shutil.rmtree(tmp_path / "run", ignore_errors=True)


def test_what_is_typed_for_up_is_its_users_own(tmp_path: Path) -> None:
    """Its SuperLink allows the code and the logger of this command line, and nothing else."""
    config = compose(["strategy=own", "strategy.code=rank_pps:RankPPS", "logger=wandb"])
    services = Deployment(tmp_path / "run", 1, None, allowed=Allowed.by(config)).services()
    (superlink,) = [one for one in services if one.name == "superlink"]
    assert "allow=rank_pps:RankPPS,wandb" in superlink.command
    for service in Deployment(tmp_path / "run", 1, None, allowed=Allowed.by(compose([]))).services():
        assert not any(word.startswith("allow=") for word in service.command)


def test_the_services_of_a_deployment(tmp_path: Path) -> None:
    make_certificates(tmp_path / "certs", 3)
    services = {one.name: one for one in Deployment(tmp_path / "runs" / "a", 3, tmp_path / "certs").services()}
    assert list(services)[:3] == ["mixer", "world", "superlink"]
    assert len(services) == 9

    def words(name: str) -> dict[str, str]:
        assert services[name].log == tmp_path / "runs" / "a" / "logs" / f"{name}.log"
        return dict(word.split("=", 1) for word in services[name].command[4:])

    places = [words(name)["listen"] for name in services]
    assert len(set(places)) == 9
    assert all(words(name)["certs"] == str(tmp_path / "certs" / name) for name in services)
    states = {name: words(name)["state"] for name in services if name != "world"}
    assert states == {name: str(tmp_path / "runs" / "a" / "state" / name) for name in states}
    assert words("agent-2")["world"] == words("superlink")["world"] == words("world")["listen"]
    assert words("agent-2")["mixer"] == words("world")["mixer"] == words("mixer")["listen"]
    assert words("supernode-2")["agent"] == words("agent-2")["listen"]
    assert words("supernode-2")["superlink"] == words("superlink")["listen"]
    assert words("superlink")["runs"] == str(tmp_path / "runs")


@pytest.mark.skipif(not SUPPORTED, reason="local sockets are for Linux")
def test_world_mixer_and_agents_share_a_folder_for_local_sockets(tmp_path: Path) -> None:
    def told(sockets: Path | None) -> dict[str, list[str]]:
        services = Deployment(tmp_path / "run", 2, None, sockets=sockets).services()
        return {service.name: [word for word in service.command if word.startswith("sockets=")] for service in services}

    words = told(tmp_path)
    assert [name for name, found in words.items() if found] == ["mixer", "world", "agent-0", "agent-1"]
    assert all(found in ([], [f"sockets={tmp_path}"]) for found in words.values())
    for elsewhere in (None, tmp_path / ("x" * 107)):
        assert not any(told(elsewhere).values())


def test_parties_of_one_machine_compute_with_one_thread_unless_told_otherwise() -> None:
    def threads(words: list[str]) -> tuple[int, int]:
        runtime = compose(sharing_processors(words)).runtime
        return runtime.threads, runtime.world_threads

    assert threads(["map=3m"]) == (1, 1)
    assert threads(["map=3m", "runtime.threads=3"]) == (3, 1)
    assert threads(["map=3m", "runtime=local"]) == (2, 2)
    assert sharing_processors(["resume=runs/mine"]) == ["resume=runs/mine"]


def test_without_encryption_only_when_said(tmp_path: Path) -> None:
    for service in Deployment(tmp_path, 2, None).services():
        assert service.command[-1] == "insecure=true"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["strategy=a_psp"], "unknown strategy 'a_psp'; did you mean 'a_pps'"),
        (["patience=-1"], "patience=-1 must be a number of seconds above 0"),
        (["insecure=1"], "insecure=1 must be true or false"),
        (["resume=nowhere"], "there is no folder nowhere"),
    ],
)
def test_mistakes_are_told_before_anything_starts(words: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=message):
        up_command(words)


def test_a_run_of_one_process_is_not_gone_on_with_in_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main(["train", "map=2s_vs_1sc", "experiment=smoke", "stop.rounds=1", f"run_dir={run}"]) == 0
    capsys.readouterr()
    for resumed in (run, run / "checkpoints" / "round-000001"):
        for command in (["up"], ["submit", "insecure=true"]):
            assert main([*command, f"resume={resumed}"]) == 2
            said = " ".join(capsys.readouterr().err.split())
            assert f"{run} was trained in one process" in said.replace("- ", "-")
            assert f"train resume={resumed}" in said


def test_a_source_that_the_server_cannot_read_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, words = tmp_path / "runs" / "mine", ["map=2s_vs_1sc", "experiment=smoke", "stop.rounds=1"]
    assert main(["train", *words, f"run_dir={source}"]) == 0
    elsewhere = tmp_path / "other"
    assert main(["up", *words, f"init_from={source}", f"run_dir={elsewhere / 'next'}"]) == 2
    assert "the server of a federation reads runs beside its own" in " ".join(capsys.readouterr().err.split())
    assert not elsewhere.exists()


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("up", "submit", "superlink", "supernode"):
        assert main([command, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"fedqmix {command} ")
