"""logger=wandb writes a real run that stays on this machine."""

import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.proto import wandb_internal_pb2

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.server.records import make_loggers
from support.paths import python_path
from support.played import config, rows

RUN_ID = "0123456789abcdef"


class Trap:
    """A proxy that counts who comes and answers nobody."""

    def __init__(self) -> None:
        self.visitors = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            self.visitors += 1
            visitor.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


def log_three_rows(run_dir: Path, trap: Trap, mode: str) -> str:
    """Log in a process whose every way out, wandb's own server process included, leads into the trap."""
    ways_out = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), trap.address)
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment |= ways_out | {"PYTHONPATH": python_path()}
    done = subprocess.run(
        [sys.executable, "-m", "support.logged_to_wandb", str(run_dir), RUN_ID, mode],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def records(file: Path) -> Iterator[Any]:
    """Read a .wandb file: LevelDB's log format (blocks of 32 KiB, pieces with a 7-byte header) of protobuf records."""
    data, at, whole = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # full, last
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def test_an_offline_run_is_whole_and_nobody_hears_of_it(tmp_path: Path, trap: Trap) -> None:
    output = log_three_rows(tmp_path, trap, "offline")
    assert "wanted 0\n" in output, output
    assert "then wanted 0" not in output
    assert trap.visitors == 1, "only the visit made on purpose"

    (file,) = tmp_path.glob(f"wandb/offline-run-*-{RUN_ID}/run-{RUN_ID}.wandb")
    written = list(records(file))
    (run,) = [record.run for record in written if record.WhichOneof("record_type") == "run"]
    assert (run.run_id, run.project, run.display_name) == (RUN_ID, "fedqmix", tmp_path.name)
    history = [
        {item.nested_key[0] if item.nested_key else item.key: item.value_json for item in record.history.item}
        for record in written
        if record.WhichOneof("record_type") == "history"
    ]
    assert [{name: float(row[name]) for name in rows(1)[0]} for row in history] == rows(3)


@pytest.mark.slow
def test_disabled_writes_metrics_jsonl_only(tmp_path: Path, trap: Trap) -> None:
    output = log_three_rows(tmp_path, trap, "disabled")
    assert "wanted 0\n" in output, output
    assert trap.visitors == 1
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_without_the_extra_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    with pytest.raises(ConfigurationError, match=r"pip install 'fedqmix\[wandb\]'"):
        make_loggers(config("logger=wandb"), tmp_path, RUN_ID)


def test_a_server_that_does_not_answer_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**_: object) -> None:
        raise wandb.errors.CommError("no answer\nwhile retrying")

    monkeypatch.setattr(wandb, "init", unreachable)
    with pytest.raises(
        ConfigurationError, match=r"no answer while retrying\. Log in with `wandb login`, or stay offline"
    ):
        make_loggers(config("logger=wandb", "logger.wandb_mode=online"), tmp_path, RUN_ID)
