"""A Flower app for tests: a ServerApp that waits, and ClientApps that wait at an agent that never answers."""

import os
import time

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

from fedqmix.clients.app import ask
from fedqmix.runtime.core import messages as m

server = ServerApp()
client = ClientApp()


@client.query()
def wait(message: Message, context: Context) -> Message:
    """Wait at the agent's door, as the real ClientApp does."""
    return Message(ask(os.environ["FEDQMIX_AGENT"], None, message), reply_to=message)


@server.main()
def main(grid: Grid, context: Context) -> None:
    """Ask every node there is, and wait for ever."""
    while not (nodes := list(grid.get_node_ids())):
        time.sleep(0.05)
    plan = ConfigRecord({m.RUN: "run", m.PATIENCE: 600.0})
    grid.push_messages([Message(RecordDict({m.PLAN: plan}), dst_node_id=node, message_type="query") for node in nodes])
    while True:
        time.sleep(1)
