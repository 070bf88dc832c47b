"""The Flower ClientApp: it passes the server's questions to the agent service, and answers back.

A SuperNode starts a new process for every message. So this module holds no state of an agent and imports neither torch
nor numba. The agent is a process of its own, `fedqmix agent`.

The agent's address comes from the first of these: the node's configuration (`--node-config 'agent="host:port"'`), the
environment (FEDQMIX_AGENT=host:port), and in a simulation the server's list by partition-id. FEDQMIX_CERTS names the
folder with this SuperNode's certificate; FEDQMIX_INSECURE=1 allows none. In a simulation, the plan names the folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from fedqmix.clients.records import failure_record
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import ConfigurationError, FedqmixError
from fedqmix.runtime.transport.calls import Line
from fedqmix.runtime.transport.proto.agent_pb2 import Question
from fedqmix.runtime.transport.proto.agent_pb2_grpc import AgentStub
from fedqmix.runtime.transport.records import packed, plan_of, unpacked
from fedqmix.runtime.transport.security import Identity, channel

# Flower's simulation loads the app before it starts Ray, which would otherwise send usage statistics.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

app = ClientApp()


@app.train()
@app.evaluate()
@app.query("join")
@app.query("identity")
@app.query("policy")
@app.query("who")
def pass_on(message: Message, context: Context) -> Message:
    """Ask the agent; reply with its answer, or with the error in a record (m.FAILURE)."""
    try:
        configured = configured_agent(context)
        if configured:
            content = ask(configured, identity(), message)
        else:
            address, own = simulated_door(context, plan_of(message.content))
            content = ask(address, own, message, wait=False)
    except FedqmixError as error:
        content = failure_record(error)
    return Message(content, reply_to=message)


def ask(address: str, own: Identity | None, message: Message, *, wait: bool = True) -> RecordDict:
    """Ask the agent at an address, repeatedly, until it answers.

    An agent that cannot be reached is tried for the plan's patience. An agent at work replies without content from time
    to time, and the call waits for it without limit. wait: False to return m.AT_WORK instead of waiting.
    Raises AttemptError when the agent cannot be reached, and the error that the agent raised.
    """
    plan = plan_of(message.content)
    question = Question(
        run=str(plan[m.RUN]),
        round=_whole(plan, m.ROUND),
        attempt=_whole(plan, m.ATTEMPT),
        kind=message.metadata.message_type,
        index=_whole(plan, m.INDEX),
        content=packed(message.content),
    )
    line = Line(f"the agent at {address}", patience=float(_number(plan, m.PATIENCE)))
    with channel(own, address, party_behind(own)) as way:
        stub = AgentStub(way)
        while True:
            answer = line.call(stub.Ask, question)
            if answer.HasField("content"):
                return unpacked(answer.content)
            if not wait:
                return RecordDict({m.AT_WORK: ConfigRecord()})


def configured_agent(context: Context) -> str:
    """Return the address of this node's agent from the node's start configuration; "" when it has none."""
    return str(context.node_config.get("agent") or os.environ.get("FEDQMIX_AGENT") or "")


def simulated_door(context: Context, plan: ConfigRecord) -> tuple[str, Identity | None]:
    """Return the agent's address and the identity of a simulated node. Raises ConfigurationError for other nodes."""
    agent_services, place = plan.get(m.AGENT_SERVICES), context.node_config.get("partition-id")
    if not (isinstance(agent_services, list) and isinstance(place, int) and 0 <= place < len(agent_services)):
        raise ConfigurationError(
            "This SuperNode does not know where its agent is. Start it with --node-config 'agent=\"host:port\"', or "
            "set FEDQMIX_AGENT=host:port in its environment."
        )
    certs = str(plan.get(m.CERTS, ""))
    return str(agent_services[place]), Identity(Path(certs) / f"supernode-{place}") if certs else None


def identity() -> Identity | None:
    """Return this SuperNode's identity; None where FEDQMIX_INSECURE=1.

    Raises ConfigurationError when neither FEDQMIX_CERTS nor FEDQMIX_INSECURE=1 is set.
    """
    if os.environ.get("FEDQMIX_INSECURE") == "1":
        return None
    folder = os.environ.get("FEDQMIX_CERTS")
    if not folder:
        raise ConfigurationError(
            "This SuperNode has no certificate to show its agent. Set FEDQMIX_CERTS to its folder (`fedqmix certs` "
            "makes it) in the SuperNode's environment, or FEDQMIX_INSECURE=1 to do without any security."
        )
    return Identity(Path(folder))


def party_behind(own: Identity | None) -> str:
    """Return the party that this SuperNode may call: agent-2 for supernode-2."""
    return "agent" if own is None else own.party.replace("supernode-", "agent-", 1)


def _number(plan: ConfigRecord, name: str) -> int | float:
    value = plan.get(name, 0)
    return value if isinstance(value, (int, float)) else 0


def _whole(plan: ConfigRecord, name: str) -> int:
    return int(_number(plan, name))
