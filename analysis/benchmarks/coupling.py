"""The cost of communication between services and agents that sleep instead of computing.

World and mixer services are real. Every agent is a separate process that runs a training round
(`clients.rounds.train_round`) over gRPC and TLS, but sleeps where its network would compute, so that cores are not the
limit. The rest of the round's time is waiting: for the wire, for the barriers, and for world and mixer, whose computing
is measured separately.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from contextlib import ExitStack
from typing import IO, Any, cast

from fedqmix.conf.schema import Config
from fedqmix.envs import team_spec
from fedqmix.runtime.configuration.ranges import to_yaml
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.deployment.one_machine import Deployment
from fedqmix.runtime.deployment.temporary_certs import make_certificates
from fedqmix.runtime.processes import Supervisor, guarded_folder
from fedqmix.runtime.transport.control_remote import RemoteControl
from fedqmix.runtime.transport.identity import Identity
from fedqmix.runtime.transport.security import channel

RUN = "benchmark"
PATIENCE_S = 120.0


def measure(config: Config, train_ms: float, act_ms: float, steps: int) -> dict[str, Any]:
    """Run and measure a map's second round; the first one also fills the episode buffers.

    train_ms: sleep of an agent per training step. act_ms: sleep per environment step of all its parallel episodes.
    steps: training steps of the round. Returns JSON values: seconds of the round, and of these the seconds slept, in
    calls, and computed by world and mixer; waiting_share: share of the round in calls while neither computed.
    """
    n_agents = team_spec(config.map, config.env).n_agents
    with (
        guarded_folder() as folder,
        Supervisor(print) as supervisor,
        ExitStack() as stack,
    ):
        certs = folder / "certs"
        make_certificates(certs, n_agents)
        deployment = Deployment(folder, n_agents, certs, sockets=folder)
        supervisor.start(deployment.coupling_services(), PATIENCE_S)
        places = deployment.places
        identity, settings = Identity(certs / "superlink"), to_yaml(config)
        ways = [stack.enter_context(channel(identity, places[party], party)) for party in ("mixer", "world")]
        controls = [RemoteControl(way, "a service", PATIENCE_S) for way in ways]
        for control in controls:
            control.open(Attempt(RUN, 1, 1), "train", settings)
        (folder / "config.yaml").write_text(settings)
        arguments = [places["world"], places["mixer"], str(train_ms), str(act_ms), str(steps), str(folder)]
        agents = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "fedqmix.analysis.benchmarks.sleeping_agent",
                    str(agent),
                    str(certs / f"agent-{agent}"),
                    *arguments,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for agent in range(n_agents)
        ]
        for agent in agents:
            cast(IO[str], agent.stdout).readline()  # the agent has finished the first round
        for control in controls:
            control.open(Attempt(RUN, 2, 2), "train", settings)
        for agent in agents:
            cast(IO[str], agent.stdin).write("go\n")
            cast(IO[str], agent.stdin).flush()
        figures = [json.loads(agent.communicate()[0]) for agent in agents]
        computed = sum(control.status().computed_s for control in controls)
    seconds, slept, waited = (statistics.mean(one[name] for one in figures) for name in ("seconds", "slept", "waited"))
    return {
        "benchmark": "coupling",
        "map": config.map,
        "agents": n_agents,
        "batch": config.algorithm.batch_size,
        "training_steps": steps,
        "round_s": seconds,
        "slept_s": slept,
        "in_calls_s": waited,
        "services_computed_s": computed,
        "waiting_share": (waited - computed) / seconds,
        "calls": figures[0]["calls"],
        "call_ms": figures[0]["call_ms"],
    }
