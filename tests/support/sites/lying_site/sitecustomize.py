"""An agent of a real federation that lies: `fedqmix agent` as installed, but for what FEDQMIX_TEST_LIE says.

FEDQMIX_TEST_LIE: AGENT:LIE, a name of LIES below. All other processes are left alone.
"""

import os
import sys

LIAR, _, LIE = os.environ.get("FEDQMIX_TEST_LIE", ":").partition(":")


def _is_the_liar() -> bool:
    words = sys.orig_argv
    return "fedqmix" in words and "agent" in words and f"id={LIAR}" in words


def _replies(change) -> None:
    from fedqmix.runtime.deployment.agent import DeployedAgent

    honest = DeployedAgent.answer

    def answer(self, question):
        reply = honest(self, question)
        change(question.metadata.message_type, reply.content)
        return reply

    DeployedAgent.answer = answer


def _arrays(value: float) -> None:
    import numpy as np
    from flwr.app import Array, ArrayRecord

    def change(kind, content) -> None:
        if kind == "train":
            own = content.array_records["arrays"]
            false = {name: Array(np.full_like(array.numpy(), value)) for name, array in own.items()}
            content["arrays"] = ArrayRecord(false)

    _replies(change)


def _figure(kind_of_message: str, name: str, value) -> None:
    def change(kind, content) -> None:
        if kind == kind_of_message:
            content.metric_records["metrics"][name] = value

    _replies(change)


def _mixer(method: str, false) -> None:
    from fedqmix.runtime.transport.mixer_remote import RemoteMixer

    honest = getattr(RemoteMixer, method)
    setattr(RemoteMixer, method, lambda self, *values: honest(self, *map(false, values)))


LIES = {
    "nan": lambda: _arrays(float("nan")),
    "huge": lambda: _arrays(1e6),
    "reward": lambda: _figure("train", "accumulated-reward", 1e30),
    "steps": lambda: _figure("train", "env-step", 10**12),
    "wins": lambda: _figure("evaluate", "win-rate", [9.0]),
    "q": lambda: _mixer("gradient", lambda values: values * 0 + 1e6),
    "norm": lambda: _mixer("clip", lambda values: values * 0 + 1e20),
}

if LIE and _is_the_liar():
    LIES[LIE]()
