"""An agent of doubled arrays behind a real AgentService, and questions for it."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict

from fedqmix.clients import app as client
from fedqmix.clients.service import AgentService
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.transport.proto.agent_pb2_grpc import add_AgentServicer_to_server
from fedqmix.runtime.transport.security import server
from fedqmix.strategies.local_grid import take_server_identity


def question(attempt=1, kind=MessageType.TRAIN, run="run-7", round_=3, index=0, patience=5.0, **more):
    """A message, as it reaches a ClientApp."""
    take_server_identity()
    plan = {m.RUN: run, m.ATTEMPT: attempt, m.ROUND: round_, m.INDEX: index, m.PATIENCE: patience, **more}
    weights = ArrayRecord({"head.bias": Array(np.float32([1.5, -2.0]))})
    message = Message(RecordDict({m.PLAN: ConfigRecord(plan), m.ARRAYS: weights}), 1002, kind, group_id=str(round_))
    message.metadata.__dict__["_message_id"] = f"m{attempt}"
    return message


class Agent:
    """Doubles what it is sent, counts how often it was asked, and can be held up."""

    def __init__(self):
        self.asked, self.error = [], None
        self.may_go_on, self.at_work = threading.Event(), threading.Event()
        self.may_go_on.set()

    def __call__(self, message):
        self.asked.append(message)
        self.at_work.set()
        assert self.may_go_on.wait(30)
        if self.error is not None:
            raise self.error
        arrays = {name: Array(2 * a.numpy()) for name, a in message.content.array_records[m.ARRAYS].items()}
        content = RecordDict({m.ARRAYS: ArrayRecord(arrays), m.METRICS: MetricRecord({m.NUM_EXAMPLES: 4})})
        return Message(content, reply_to=message)


class NotingService(AgentService):
    """Notes the attempts that are asked for as they come in."""

    def __init__(self, *args):
        super().__init__(*args)
        self.noted = []

    def Ask(self, request, context):
        self.noted.append(request.attempt)
        return super().Ask(request, context)


class ServedAgent:
    """An agent behind its service, listening."""

    def __init__(self, identity=None, agent=2, port=0, hold_s=0.2):
        self.agent = Agent()
        self.service = NotingService(agent, self.agent, hold_s)
        add = partial(add_AgentServicer_to_server, self.service)
        self.running = server(identity, [add], f"127.0.0.1:{port}", workers=4)
        self.address = f"127.0.0.1:{self.running.port}"

    def ask(self, message, own=None):
        return client.ask(self.address, own, message)

    def close(self):
        self.agent.may_go_on.set()
        self.running.stop(0)
        self.service.close()
