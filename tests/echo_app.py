"""A Flower app for tests: the server asks every SuperNode to repeat a word, and writes down what came back."""

import json
import os
import shlex
import time
from pathlib import Path

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

from runtimes.configuration.runs import own_folder

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


@server.main()
def ask(grid: Grid, context: Context) -> None:
    """Ask `stop.env_steps` times, a row of progress each; with seed=13 fail, with seed=14 wait for a file `go`."""
    words = shlex.split(str(context.run_config["overrides"]))
    settings = dict(word.split("=", 1) for word in words)
    name = (settings.get("run_dir") or settings["resume"]).strip("'")  # as Hydra quotes it
    folder = own_folder(name, Path(os.environ["FEDQMIX_RUNS"]))
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text("{}")
    with (folder / "starts.jsonl").open("a") as file:
        file.write(json.dumps({"words": words, "nodes": _nodes(grid), "runs": os.environ["FEDQMIX_RUNS"]}) + "\n")
    if settings.get("seed") == "13":
        raise RuntimeError("agent 1 has diverged at training step 812")
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


def _ask_all(grid: Grid, word: str) -> list[dict[str, object]]:
    contents = {node: RecordDict({"said": ConfigRecord({"word": word})}) for node in _nodes(grid)}
    messages = [Message(content, dst_node_id=node, message_type="query") for node, content in contents.items()]
    waiting, answers = set(grid.push_messages(messages)), []
    while len(answers) < NODES:
        time.sleep(0.05)
        for reply in grid.pull_messages(waiting):
            waiting.discard(reply.metadata.reply_to_message_id)
            answers.append(dict(reply.content["said"]))
    return sorted(answers, key=lambda answer: int(answer["partition"]))
