"""`fedqmix submit` that is ended from outside: the run ends with it, or what goes on is said, and how to end it."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from fedqmix.runtime.deployment.following import Following
from fedqmix.runtime.deployment.submission import State, SuperLink, UnreachableError
from fedqmix.runtime.flower.app import bundle
from fedqmix.runtime.processes import Service, Supervisor, answers, free_ports
from support.tagged import TAG, command_line, eventually, new_tag, tagged

ROOT = Path(__file__).parents[3]
PATH = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
SUBMIT = """
import sys
from fedqmix.runtime.deployment import submission
from fedqmix.runtime.flower import app
submission.bundle = lambda: app.bundle("support.stuck_app:server", "support.stuck_app:client")
from fedqmix.runtime.cli.main import main
sys.exit(main(["submit", "insecure=true", *sys.argv[1:]]))
"""


@dataclass
class Link:
    """A SuperLink whose runs wait for SuperNodes that never come."""

    folder: Path
    address: str
    control: SuperLink
    supervisor: Supervisor

    def submit(self, name: str, *before: str, **options: object) -> "subprocess.Popen[str]":
        """Submit a run in a process of its own; return when the SuperLink has it."""
        words = [f"superlink={self.address}", f"runs={self.folder}/runs", f"run_dir=runs/{name}", "map=3m"]
        environment = {**os.environ, "PYTHONPATH": PATH}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
        process = subprocess.Popen(
            [*before, sys.executable, "-c", SUBMIT, *words], env=environment, text=True, **streams
        )
        assert eventually(lambda: f"runs/{name}" in self.control.not_terminated().values(), 120)
        return process


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    folder, tag = tmp_path_factory.mktemp("link"), new_tag()
    (port,) = free_ports(1)
    place = f"127.0.0.1:{port}"
    words = ["superlink", "insecure=true", f"listen={place}", f"runs={folder}/runs", f"state={folder}/link"]
    environment = {TAG: tag, "PYTHONPATH": PATH, "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.05"}
    command = [sys.executable, "-m", "fedqmix", *words]
    service = Service("superlink", command, folder / "log", lambda: answers(place), environment)
    app = bundle("support.stuck_app:server", "support.stuck_app:client")
    with Supervisor(print) as supervisor, SuperLink(place, None, app) as control:
        supervisor.start([service], 120)
        yield Link(folder, place, control, supervisor)
    assert not tagged(tag)


@pytest.mark.parametrize(
    "how",
    [signal.SIGTERM, *(pytest.param(how, marks=pytest.mark.slow) for how in (signal.SIGHUP, signal.SIGINT))],
    ids=lambda one: one.name,
)
def test_a_signal_ends_the_run_and_says_how_to_go_on(link: Link, how: signal.Signals) -> None:
    with link.submit(how.name) as submit:
        for number in (how, how if how is not signal.SIGINT else signal.SIGTERM):  # as a closed terminal does
            submit.send_signal(number)
        said = submit.communicate(timeout=60)[0]
    assert submit.returncode == 130
    assert f"the run was ended early. Go on with: fedqmix submit insecure=true superlink={link.address}" in said
    assert f"resume=runs/{how.name}" in said
    assert not link.control.not_terminated()


@pytest.mark.slow
def test_a_terminal_that_is_closed_ends_the_run(link: Link) -> None:
    terminal, end = pty.openpty()
    with link.submit("terminal", stdin=end, stdout=end, stderr=end, start_new_session=True) as submit:
        os.close(end)
        os.close(terminal)
        submit.send_signal(signal.SIGHUP)  # it is not the session's leader, whom the system would tell
        submit.wait(60)
    assert eventually(lambda: not link.control.not_terminated())


@pytest.mark.slow
def test_under_nohup_a_closed_terminal_changes_nothing(link: Link) -> None:
    with link.submit("nohup", "nohup", stdin=subprocess.DEVNULL) as submit:
        submit.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            submit.wait(3)
        assert link.control.not_terminated()
        submit.terminate()
        submit.communicate(timeout=60)
    assert not link.control.not_terminated()


@pytest.mark.slow
def test_after_kill_9_the_run_goes_on_until_it_is_stopped(link: Link) -> None:
    with link.submit("killed") as submit:
        submit.kill()
        submit.communicate(timeout=60)
    (run,) = link.control.not_terminated()
    assert link.control.state(run).state is State.GOING_ON
    words = ["submit", "insecure=true", f"superlink={link.address}", "stop=true"]
    done = subprocess.run(
        [sys.executable, "-m", "fedqmix", *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "ended: runs/killed. Go on with: python -m fedqmix submit insecure=true" in done.stdout
    assert "resume=runs/killed" in done.stdout
    assert link.control.state(run).state is State.STOPPED
    serverapps = [one for one in tagged(os.environ.get(TAG, "")) if "serverapp" in command_line(one)]
    assert eventually(lambda: not any(one.is_running() for one in serverapps))


class LosesOne(SuperLink):
    """A connection over which the first submission does not arrive."""

    lost = False

    def start(self, overrides: Sequence[str]) -> int:
        """Raise once, then submit."""
        if not self.lost:
            self.lost = True
            raise UnreachableError("the SuperLink cannot be reached")
        return super().start(overrides)


@pytest.mark.parametrize("theirs", [["seed=4"], ["seed=3"]], ids=["other settings", "the same settings, before"])
def test_a_submission_that_was_lost_does_not_become_somebody_elses_run(link: Link, theirs: list[str]) -> None:
    folder = "run_dir=runs/shared"
    stranger = link.control.start([*theirs, folder])
    with LosesOne(link.address, None, bundle("support.stuck_app:server", "support.stuck_app:client")) as way:
        follows = Following(way, ["seed=3", folder], "runs/shared", link.folder / "runs" / "shared", 60)
        rows = follows.rows(print)
        assert eventually(lambda: next(rows) is None and len(link.control.not_terminated()) == 2, 60)
        assert follows.stop()
        assert list(link.control.not_terminated()) == [stranger]
    link.control.stop(stranger)


@pytest.mark.slow
def test_what_cannot_be_ended_is_said_with_the_command_that_ends_it(link: Link) -> None:
    """The SuperLink is stopped while submit is asked to end."""
    with link.submit("unreachable") as submit:
        superlink = link.supervisor.pid("superlink")
        os.kill(superlink, signal.SIGSTOP)
        try:
            submit.terminate()
            said = submit.communicate(timeout=200)[0]
        finally:
            os.kill(superlink, signal.SIGCONT)
    assert "the SuperLink does not answer, so the run may go on. End it with: fedqmix submit" in said
    assert said.rstrip().endswith("stop=runs/unreachable")
    for run in link.control.not_terminated():
        link.control.stop(run)


@pytest.mark.slow
def test_a_submission_that_is_not_followed_says_that_it_may_go_on(link: Link) -> None:
    """It is ended while it waits for the answer of a SuperLink that has been stopped."""
    superlink = link.supervisor.pid("superlink")
    words = [f"superlink={link.address}", "run_dir=runs/unheard", "map=3m", "follow=false"]
    os.kill(superlink, signal.SIGSTOP)
    try:
        with subprocess.Popen(
            [sys.executable, "-c", SUBMIT, *words],
            env={**os.environ, "PYTHONPATH": PATH},
            stderr=subprocess.PIPE,
            text=True,
        ) as submit:
            assert eventually(psutil.Process(submit.pid).net_connections, 120)
            submit.terminate()
            said = submit.communicate(timeout=60)[1]
    finally:
        os.kill(superlink, signal.SIGCONT)
    assert submit.returncode == 130
    assert "the SuperLink has not answered, so the run may go on. End it with: fedqmix submit" in said
    assert "stop=runs/unheard" in said
    for run in link.control.not_terminated():
        link.control.stop(run)
