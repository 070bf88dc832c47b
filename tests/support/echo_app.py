"""A Flower app for tests: the server asks every SuperNode to repeat a word, and writes down what came back."""

import json
import os
import shlex
import time
from pathlib import Path

from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

from fedqmix.runtime.configuration.runs import in_runs
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.agent_services import TOLD
from fedqmix.runtime.deployment.place import Place
from fedqmix.server.roster import Roster

NODES = 2

server = ServerApp()
client = ClientApp()


@client.query()
def repeat(message: Message, context: Context) -> Message:
    """Answer with the word, and with what this SuperNode was told when it was started."""
    answer = {
        "word": str(message.content["said"]["word"]),
        "agent": str(context.node_config["agent"]),
        "partition": int(str(context.node_config["partition-id"])),
        "told": os.environ["FEDQMIX_AGENT"],
        "certs": Path(os.environ["FEDQMIX_CERTS"]).name,
    }
    return Message(RecordDict({"said": ConfigRecord(answer)}), reply_to=message)


@client.query("who")
def name(message: Message, context: Context) -> Message:
    """Say which agent this SuperNode is; FEDQMIX_TEST_AGENT says another one."""
    agent = int(os.environ.get("FEDQMIX_TEST_AGENT") or str(context.node_config["partition-id"]))
    return Message(RecordDict({m.METRICS: MetricRecord({m.AGENT: agent})}), reply_to=message)


@server.main()
def ask(grid: Grid, context: Context) -> None:
    """Ask `stop.env_steps` times, a row of progress each.

    With seed=13 fail, with seed=14 wait for a file `go`, with seed=15 ask who is who and write down whom to believe.
    """
    words = shlex.split(str(context.run_config["overrides"]))
    settings = dict(word.split("=", 1) for word in words)
    name = (settings.get("run_dir") or settings["resume"]).strip("'")  # as Hydra quotes it
    folder = in_runs(name, Path(os.environ["FEDQMIX_RUNS"]))
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text("{}")
    start = {"words": words, "nodes": _nodes(grid), "runs": os.environ["FEDQMIX_RUNS"]}
    with (folder / "starts.jsonl").open("a") as file:
        file.write(json.dumps(start) + "\n")
    if settings.get("seed") == "13":
        raise RuntimeError("agent 1 has diverged at training step 812")
    if settings.get("seed") == "15":
        _ask_who_is_who(grid, folder)
        return
    while settings.get("seed") == "14" and not (folder / "go").exists():
        time.sleep(0.05)
    for number in range(1, 1 + int(settings.get("stop.env_steps", "1"))):
        began = time.monotonic()
        answers = _ask_all(grid, f"word {number}")
        row = {"env_step": number, "elapsed_s": time.monotonic() - began}
        with (folder / "answers.jsonl").open("a") as file:
            file.write(json.dumps(answers) + "\n")
        with (folder / "progress.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")


def _nodes(grid: Grid) -> list[int]:
    while len(nodes := sorted(grid.get_node_ids())) < NODES:
        time.sleep(0.05)
    return nodes


def _ask_who_is_who(grid: Grid, folder: Path) -> None:
    said: list[str] = []
    roster = Roster(grid, NODES, "run", TOLD, time, Place.from_environment(os.environ).nodes, said.append)
    while roster.missing == [0, 1] or (roster.missing and not said):
        roster.look()
        time.sleep(0.05)
    (folder / "roster.json").write_text(json.dumps({"said": said, "missing": roster.missing}))


def _ask_all(grid: Grid, word: str) -> list[dict[str, object]]:
    contents = {node: RecordDict({"said": ConfigRecord({"word": word})}) for node in _nodes(grid)}
    messages = [Message(content, dst_node_id=node, message_type="query") for node, content in contents.items()]
    waiting, answers = set(grid.push_messages(messages)), []
    while len(answers) < NODES:
        time.sleep(0.05)
        for reply in grid.pull_messages(waiting):
            waiting.discard(reply.metadata.reply_to_message_id)
            if reply.has_error():
                raise RuntimeError(reply.error.reason)
            answers.append(dict(reply.content["said"]))
    return sorted(answers, key=lambda answer: int(answer["partition"]))
