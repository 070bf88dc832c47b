"""The ClientApp: it passes every message on to its agent, and is thin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from flwr.app import ConfigRecord, Context, MessageType, RecordDict

from fedqmix.clients import app as client
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import ConfigurationError, DivergenceError
from fedqmix.runtime.transport.records import CLOSED, RECORDS, opened
from fedqmix.runtime.transport.security import Identity
from support.served_agent import question


def context(**node_config):
    return Context(run_id=1, node_id=1002, node_config=node_config, state=RecordDict(), run_config={})


@pytest.mark.parametrize("kind", [MessageType.TRAIN, MessageType.EVALUATE, m.JOIN, m.POLICY, m.WHO])
def test_the_client_app_passes_every_kind_of_message_on(served, kind, monkeypatch):
    monkeypatch.setenv("FEDQMIX_INSECURE", "1")
    asked = question(kind=kind)
    reply = client.app(message=asked, context=context(agent=served.address))
    assert reply.metadata.reply_to_message_id == asked.metadata.message_id
    assert reply.metadata.src_node_id == 1002
    assert m.METRICS in opened(reply.content).metric_records
    assert len(served.agent.asked) == (kind != m.WHO)


def test_an_error_becomes_a_record_that_the_server_can_read(served, monkeypatch):
    monkeypatch.setenv("FEDQMIX_INSECURE", "1")
    served.agent.error = DivergenceError("gradient of fc", "training step 9")
    reply = client.app(message=question(), context=context(agent=served.address))
    assert reply.content.config_records[m.FAILURE] == {
        "kind": "fatal",
        "error": "DivergenceError",
        "text": str(served.agent.error),
        "arguments": '["gradient of fc", "training step 9"]',
    }


def test_where_the_agent_is(monkeypatch):
    monkeypatch.delenv("FEDQMIX_AGENT", raising=False)
    assert client.configured_agent(context()) == ""
    monkeypatch.setenv("FEDQMIX_AGENT", "c:3")
    assert client.configured_agent(context()) == "c:3"
    assert client.configured_agent(context(agent="d:4")) == "d:4"


def test_where_the_agent_of_a_simulated_node_is(parties):
    plan = ConfigRecord({m.AGENT_SERVICES: ["a:1", "b:2"]})
    assert client.simulated_door(context(**{"partition-id": 1}), plan) == ("b:2", None)
    plan[m.CERTS] = str(parties)
    address, own = client.simulated_door(context(**{"partition-id": 1}), plan)
    assert address == "b:2"
    assert own == Identity(parties / "supernode-1")
    for plans in (plan, ConfigRecord()):
        with pytest.raises(ConfigurationError, match="FEDQMIX_AGENT"):
            client.simulated_door(context(**{"partition-id": 2}), plans)


def test_a_simulated_node_does_not_wait_while_its_agent_is_at_work(served, monkeypatch):
    monkeypatch.delenv("FEDQMIX_AGENT", raising=False)
    served.agent.may_go_on.clear()
    place = {m.AGENT_SERVICES: ["nobody:1", served.address]}
    first = client.app(message=question(**place), context=context(**{"partition-id": 1}))
    assert list(first.content) == [m.AT_WORK]
    served.agent.may_go_on.set()
    second = client.app(message=question(**place), context=context(**{"partition-id": 1}))
    assert m.METRICS in opened(second.content).metric_records
    assert len(served.agent.asked) == 1


def test_security_must_be_chosen(monkeypatch, parties):
    monkeypatch.delenv("FEDQMIX_INSECURE", raising=False)
    monkeypatch.delenv("FEDQMIX_CERTS", raising=False)
    with pytest.raises(ConfigurationError, match="FEDQMIX_CERTS"):
        client.identity()
    monkeypatch.setenv("FEDQMIX_CERTS", str(parties / "supernode-2"))
    assert client.party_behind(client.identity()) == "agent-2"
    monkeypatch.setenv("FEDQMIX_INSECURE", "1")
    assert client.identity() is None


def test_the_client_app_is_thin():
    """A new process is started for every message: it must not import what learning needs."""
    heavy = ("torch", "numba", "scipy", "matplotlib", "hydra", "omegaconf", "ray")
    code = f"import sys, fedqmix.clients.app; print([name for name in {heavy!r} if name in sys.modules])"
    root = Path(client.__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_message_that_cannot_be_read_is_reported(monkeypatch):
    monkeypatch.setenv("FEDQMIX_INSECURE", "1")
    asked = question()
    asked.content = RecordDict({CLOSED: ConfigRecord({RECORDS: b"\xff"})})
    reply = client.app(message=asked, context=context(agent="127.0.0.1:1"))
    assert reply.content.config_records[m.FAILURE]["error"] == "RefusedError"
