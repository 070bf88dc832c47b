"""`fedqmix bench peers`: talking to a peer's process, who is asked what, and what is said when one is missing."""

from __future__ import annotations

import json
import sys

import pytest

from fedqmix.analysis.benchmarks import peers
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.core.errors import ConfigurationError, FedqmixError

STAND_IN = """
import json, sys
print(json.dumps({"maps": ["3m", "5m_vs_6m", "elsewhere"], "version": "1", "with": "nothing"}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    print("asked", line.strip(), file=sys.stderr, flush=True)
    if asked["map"] == "5m_vs_6m":
        sys.exit("out of memory")
    best = {1: 10.0, 16: 40.0, 64: 30.0}.get(asked.get("batch"), 20.0)
    print(json.dumps({"rate": best}), flush=True)
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Let a process that answers by rote play both peers."""
    for name in peers.PEERS:
        (tmp_path / f"peer_{name}.py").write_text(STAND_IN)
    (tmp_path / "smaclite").mkdir()
    monkeypatch.setattr(peers, "__file__", str(tmp_path / "peers.py"))
    return str(tmp_path)


def test_worlds_are_measured_in_turn_and_compared(stand_in, capfd):
    words = ["bench", "peers", "maps=3m,8m", "rounds=2", "seconds=0.05", "threads=1", f"smaclite_path={stand_in}"]
    assert main(words) == 0
    printed = capfd.readouterr()
    figures = json.loads(printed.out)
    assert set(figures["env_steps_per_second"]) == {"3m"}  # nobody else has 8m here
    figure = figures["env_steps_per_second"]["3m"]
    assert (figure["smax"], figure["smax_batch"], figure["smaclite"]) == (40.0, 16, 20.0)
    assert figure["times_smax"] == pytest.approx(figure["ours"] / 40, abs=0.06)
    assert figure["times_smaclite"] == pytest.approx(figure["ours"] / 20, abs=0.06)
    asked = [json.loads(line.removeprefix("asked ")) for line in printed.err.splitlines() if line.startswith("asked")]
    batches = [question.get("batch") for question in asked]
    assert batches == [*peers.SMAX_BATCHES, 16, 64, None, 16, 64, None]  # None is SMAClite
    assert asked[-1] == {"map": "3m", "seconds": 0.05, "episode_limit": 60}


def test_a_peer_that_dies_is_named(stand_in):
    with peers.OtherWorld("smax", sys.executable) as peer, pytest.raises(FedqmixError, match=r"smax ended.*5m_vs_6m"):
        peer.rate(map="5m_vs_6m", seconds=1, batch=1)


def test_no_shared_map_is_an_error(stand_in):
    with pytest.raises(ConfigurationError, match="any of the maps 8m"):
        peers.measure(["smax"], ["8m"], 1, 0.1, 1, sys.executable, None)


def test_what_is_missing_is_named(capfd, tmp_path):
    assert main(["bench", "peers", "peers=smaclite", "maps=3m"]) == 2
    assert "smaclite_path=PATH" in capfd.readouterr().err
    assert main(["bench", "peers", "peers=smax", "maps=3m", f"peer_python={tmp_path}/python"]) == 2
    assert "cannot be run" in capfd.readouterr().err
    (tmp_path / "smaclite").mkdir()
    assert main(["bench", "peers", "peers=smaclite", "maps=3m", f"smaclite_path={tmp_path}"]) == 2
    message = capfd.readouterr().err
    assert "pip install numpy gymnasium" in message
    assert main(["bench", "peers", "peers=smac"]) == 2
    assert "Allowed: smax, smaclite" in capfd.readouterr().err
