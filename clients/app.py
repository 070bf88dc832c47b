"""The Flower ClientApp: a door, through which the server's questions reach the agent and its answers come back.

A SuperNode starts a new process for every message, so nothing of an agent lives here, and nothing heavy is imported
(no torch, no numba). The agent is a process of its own, `fedqmix agent`.

Where it is, the first that is there: the node's configuration (`--node-config 'agent="host:port"'`), the environment
(FEDQMIX_AGENT=host:port), and in a simulation the server's list by partition-id. FEDQMIX_CERTS names the folder with
this SuperNode's certificate; FEDQMIX_INSECURE=1 does without; in a simulation the server's list comes with a folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from fedqmix.clients.records import packed, told, unpacked
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import ConfigurationError, FedqmixError
from fedqmix.runtime.transport.calls import Line
from fedqmix.runtime.transport.proto.agent_pb2 import Question
from fedqmix.runtime.transport.proto.agent_pb2_grpc import AgentStub
from fedqmix.runtime.transport.security import Identity, channel

# Flower's simulation loads the app before it starts Ray, which would otherwise report to its makers.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

app = ClientApp()


@app.train()
@app.evaluate()
@app.query("join")
@app.query("policy")
@app.query("who")
def pass_on(message: Message, context: Context) -> Message:
    """Ask the agent; reply with its answer, or with a record (m.FAILURE) of why there is none."""
    plan = message.content.config_records[m.PLAN]
    try:
        told_here = agent_told_here(context)
        if told_here:
            content = ask(told_here, identity(), message)
        else:
            address, own = simulated_door(context, plan)
            content = ask(address, own, message, wait=False)
    except FedqmixError as error:
        content = told(error)
    return Message(content, reply_to=message)


def ask(address: str, own: Identity | None, message: Message, *, wait: bool = True) -> RecordDict:
    """Ask the agent at an address, and again, until it has its answer.

    An agent that cannot be reached is waited for as long as the plan's patience says; one that is at work says so from
    time to time and is waited for without end. wait: False to pass on that it is at work (m.AT_WORK). Raises
    AttemptError when it stays away, and what the agent raised.
    """
    plan = message.content.config_records[m.PLAN]
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
        door = AgentStub(way)
        while True:
            answer = line.call(door.Ask, question)
            if answer.HasField("content"):
                return unpacked(answer.content)
            if not wait:
                return RecordDict({m.AT_WORK: ConfigRecord()})


def agent_told_here(context: Context) -> str:
    """Return where this node's agent listens, as it was told when it was started; "" when it was not."""
    return str(context.node_config.get("agent") or os.environ.get("FEDQMIX_AGENT") or "")


def simulated_door(context: Context, plan: ConfigRecord) -> tuple[str, Identity | None]:
    """Return where a simulated node's agent listens, and who the node is. Raises ConfigurationError for others."""
    agent_services, place = plan.get(m.AGENT_SERVICES), context.node_config.get("partition-id")
    if not (isinstance(agent_services, list) and isinstance(place, int) and 0 <= place < len(agent_services)):
        raise ConfigurationError(
            "This SuperNode does not know where its agent is. Start it with --node-config 'agent=\"host:port\"', or "
            "set FEDQMIX_AGENT=host:port in its environment."
        )
    certs = str(plan.get(m.CERTS, ""))
    return str(agent_services[place]), Identity(Path(certs) / f"supernode-{place}") if certs else None


def identity() -> Identity | None:
    """Return who this SuperNode is; None where FEDQMIX_INSECURE=1. Raises ConfigurationError when neither is said."""
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
    """Return the party whose door this SuperNode may knock at: supernode-2 at agent-2's."""
    return "agent" if own is None else own.party.replace("supernode-", "agent-", 1)


def _number(plan: ConfigRecord, name: str) -> int | float:
    value = plan.get(name, 0)
    return value if isinstance(value, (int, float)) else 0


def _whole(plan: ConfigRecord, name: str) -> int:
    return int(_number(plan, name))
