"""Machines on one wire: network namespaces, each with an address, a home folder and a firewall of its own."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from support.paths import python_path

IP = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin") or ""
NFT = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin") or ""


def ip(*words: str) -> str:
    """Run iproute2; what it says."""
    return subprocess.run([IP, *words], check=True, capture_output=True, text=True, timeout=30).stdout


def why_not() -> str | None:
    """Why no machines can be made here; None where they can."""
    if not IP:
        return "needs `ip` (Debian's iproute2)"
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    trial = f"fqm-{uuid.uuid4().hex[:6]}"
    try:
        ip("netns", "add", trial)
    except subprocess.CalledProcessError as error:
        return f"no network namespace can be made here: {error.stderr.strip()}"
    ip("netns", "del", trial)
    return None


class Machine:
    """One namespace. Commands run in ~/fedqmix, as after `git clone`, and find `fedqmix` on the path."""

    def __init__(self, namespace: str, address: str, home: Path) -> None:
        self.namespace, self.address, self.home = namespace, address, home
        self.work = home / "fedqmix"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        for folder in (self.work, home / "bin", home / "tmp"):
            folder.mkdir(parents=True)
        program = home / "bin" / "fedqmix"
        program.write_text(f'#!/bin/sh\nPYTHONPATH={python_path()} exec {sys.executable} -m fedqmix "$@"\n')
        program.chmod(0o755)

    def run(self, command: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self._words(command), **self._how(), capture_output=True, text=True, timeout=seconds, check=False
        )

    def begin(self, command: str) -> subprocess.Popen[str]:
        """Start a command whose words are wanted."""
        return subprocess.Popen(
            self._words(command), **self._how(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def start(self, command: str) -> None:
        """Start a party, named as its certificate folder is; what it says is added to ~/PARTY.log."""
        party = re.search(r"certs=certs/(\S+)", command)
        assert party is not None, command
        with self.log(party[1]).open("ab") as log:
            self.running[party[1]] = subprocess.Popen(self._words(command), **self._how(), stdout=log, stderr=log)

    def kill(self, party: str) -> None:
        """kill -9."""
        process = self.running.pop(party)
        process.kill()
        process.wait()

    def seconds_worked(self, party: str) -> float:
        """Processor time of a party so far."""
        spent = psutil.Process(self.running[party].pid).cpu_times()
        return spent.user + spent.system

    def log(self, party: str) -> Path:
        """Where a party's words are."""
        return self.home / f"{party}.log"

    def let_in(self, ports: Mapping[str, str]) -> None:
        """Refuse every connection from outside but to these ports; ports: sources, separated by commas, to ports."""
        opened = "\n".join(f"ip saddr {{ {who} }} tcp dport {{ {what} }} accept" for who, what in ports.items())
        rules = f"""table inet filter {{
        chain input {{
            type filter hook input priority 0; policy drop;
            iif lo accept
            ct state established,related accept
            {opened}
        }}
        }}"""
        subprocess.run([IP, "netns", "exec", self.namespace, NFT, "-f", "-"], input=rules, text=True, check=True)

    def switch_off(self) -> None:
        """End everything that runs on it, gently first."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 15
        while (left := ip("netns", "pids", self.namespace).split()) and time.monotonic() < deadline:
            for process in self.running.values():
                process.poll()
            time.sleep(0.2)
        for pid in left:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in self.running.values():
            process.wait()

    def _words(self, command: str) -> list[str]:
        return [IP, "netns", "exec", self.namespace, *shlex.split(command)]

    def _how(self) -> dict[str, Any]:
        env = {"HOME": str(self.home), "TMPDIR": str(self.home / "tmp"), "FLWR_TELEMETRY_ENABLED": "0"}
        return {"cwd": self.work, "env": {**env, "PATH": f"{self.home / 'bin'}:/usr/bin:/bin"}}


@contextmanager
def machines(folder: Path, addresses: list[str]) -> Iterator[list[Machine]]:
    """Machines with these addresses on one switch; nothing of them is left behind."""
    tag = uuid.uuid4().hex[:6]
    switch, made = f"fqm-{tag}-lan", []
    found: list[Machine] = []
    try:
        made.append(switch)
        ip("netns", "add", switch)
        ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        ip("-n", switch, "link", "set", "bridge", "up")
        for number, address in enumerate(addresses):
            namespace = f"fqm-{tag}-{number}"
            made.append(namespace)
            ip("netns", "add", namespace)
            ip("-n", switch, "link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0", "netns", namespace)
            ip("-n", switch, "link", "set", f"to{number}", "master", "bridge", "up")
            ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                ip("-n", namespace, "link", "set", device, "up")
            found.append(Machine(namespace, address, folder / f"machine-{address}"))
        yield found
    finally:
        for machine in found:
            machine.switch_off()
        for namespace in reversed(made):
            subprocess.run([IP, "netns", "del", namespace], check=False, capture_output=True)
