"""A federation in containers, by docker or podman, under a project name of its own.

FEDQMIX_IMAGE: an image to use; without it one is built here, with FEDQMIX_BUILD_ARGS as further options of the build.
"""

import os
import random
import shlex
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.handbook import ROOT

COMPOSE_S, BUILD_S = 900, 1800


def engine() -> tuple[str, list[str]] | None:
    """The program that runs containers and the one that reads compose files; None where there are none that work."""
    for program, compose in (("docker", ["docker", "compose"]), ("podman", ["podman-compose"])):
        if shutil.which(program) and shutil.which(compose[0]):
            asked = [[program, "ps", "--quiet"], [*compose, "version"]]
            if all(subprocess.run(words, capture_output=True, check=False).returncode == 0 for words in asked):
                return program, compose
    return None


class Composed:
    """One project. files: compose files, the first one's folder being where the others' paths begin."""

    def __init__(self, program: str, compose: Sequence[str], files: Sequence[Path], certs: Path, image: str) -> None:
        self.program = program
        self.project = f"fedqmix-test-{uuid.uuid4().hex[:6]}"
        user, group = _owner(program, certs)
        self._compose = [*compose, "-p", self.project, *(word for file in files for word in ("-f", str(file)))]
        self._env = {
            **os.environ,
            "FEDQMIX_UID": str(user),
            "FEDQMIX_GID": str(group),
            "FEDQMIX_CERTS": str(certs),
            "FEDQMIX_NET": f"10.{random.SystemRandom().randrange(80, 250)}",
            "FEDQMIX_IMAGE": image,
        }

    def compose(self, *words: str) -> str:
        """Run a compose command; what it says."""
        done = subprocess.run(
            [*self._compose, *words],
            cwd=ROOT,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=COMPOSE_S,
            check=False,
        )
        assert done.returncode == 0, f"{words}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def direct(self, *words: str) -> str:
        """Run a command of docker or podman itself."""
        return subprocess.run(
            [self.program, *words], capture_output=True, text=True, timeout=COMPOSE_S, check=True
        ).stdout

    def container(self, service: str) -> str:
        """The container of a service, running or not; "" when there is none."""
        filters = (f"label=com.docker.compose.{name}" for name in (f"project={self.project}", f"service={service}"))
        return self.direct("ps", "--all", "--quiet", *(word for one in filters for word in ("--filter", one))).strip()

    def read(self, service: str, path: str) -> str:
        """A file in a container; "" while it is not there."""
        command = [self.program, "exec", self.container(service), "cat", path]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout

    def state(self, service: str, what: str) -> str:
        """A field of a container's state, such as Running, Pid or ExitCode."""
        return self.direct("inspect", "--format", f"{{{{.State.{what}}}}}", self.container(service)).strip()

    def logs(self, service: str) -> str:
        """What a service has said."""
        done = subprocess.run(
            [self.program, "logs", self.container(service)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout

    def kill(self, service: str) -> None:
        """kill -9 of its process, which the engine then starts again; where that is not ours to do, both by hand."""
        if os.getuid() == 0:
            os.kill(int(self.state(service, "Pid")), signal.SIGKILL)
        else:
            self.direct("kill", self.container(service))
            self.direct("start", self.container(service))

    def down(self) -> list[str]:
        """Delete everything; what is left in spite of that."""
        self.compose("down", "-v")
        mine = f"label=com.docker.compose.project={self.project}"
        left = self.direct("ps", "--all", "--quiet", "--filter", mine)
        left += self.direct("volume", "ls", "--quiet", "--filter", mine)
        left += self.direct("network", "ls", "--quiet", "--filter", mine)
        return left.split()


def _owner(program: str, certs: Path) -> tuple[int, int]:
    """Whom the containers run as, so that they can read the certificates; never root outside."""
    if os.getuid() == 0:
        for path in (certs, *certs.rglob("*")):
            os.chown(path, 1000, 1000)
        return 1000, 1000
    return (0, 0) if program == "podman" else (os.getuid(), os.getgid())


@contextmanager
def image(program: str) -> Iterator[str]:
    """The image to use; one that was built for the occasion is deleted afterwards."""
    if given := os.environ.get("FEDQMIX_IMAGE"):
        yield given
        return
    name = "localhost/fedqmix:test"
    shape = ["--format", "docker"] if program == "podman" else []
    options = shlex.split(os.environ.get("FEDQMIX_BUILD_ARGS", ""))
    began = time.monotonic()
    words = [program, "build", *shape, "-f", "Dockerfile", "-t", name, *options, "."]
    built = subprocess.run(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BUILD_S, check=False
    )
    assert built.returncode == 0, built.stdout[-6000:]
    print(f"image: {time.monotonic() - began:.0f} s")
    yield name
    subprocess.run([program, "rmi", name], capture_output=True, check=False)
