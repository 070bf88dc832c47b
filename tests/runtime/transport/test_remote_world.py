"""A team of RemoteWorlds owes what every World owes."""

from __future__ import annotations

import numpy as np

from fedqmix.envs import make_world
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import UnavailableActionError
from fedqmix.runtime.core.world import TimeStep
from fedqmix.runtime.transport.control_remote import RemoteControl
from fedqmix.runtime.transport.security import peer
from fedqmix.runtime.transport.world_remote import RemoteWorld
from fedqmix.runtime.transport.world_service import WorldService
from fedqmix.testing import WorldContract
from support.federation import channel, start, together
from support.worlds import KeepingSink, LocalSink, options, training


class TeamOfRemoteWorlds:
    """All agents' RemoteWorlds, each called in a thread of its own, as one World."""

    def __init__(self, sink, seed: int, env: SkirmishOptions, threads: int) -> None:
        def make(_config, _sink):
            self.local = make_world("3m", seed, env, sink, threads)
            return self.local

        make_world("3m", seed, env, LocalSink()).begin(training(0, 1))  # a cold machine compiles here, not in a call
        self.server, port = start(WorldService(make, LocalSink(), peer, patience=10))
        self.channels = [channel(port) for _ in range(4)]
        attempt = Attempt("a run", 1, 1)
        RemoteControl(self.channels[3], "the world").open(attempt, "train", "")
        self.spec = self.local.spec
        self.remotes = [RemoteWorld(self.channels[agent], agent, attempt, self.spec, 10) for agent in range(3)]

    def begin(self, batch) -> TimeStep:
        return self._joined(lambda agent: self.remotes[agent].begin(batch))

    def step(self, actions) -> TimeStep:
        return self._joined(lambda agent: self.remotes[agent].step(actions[agent : agent + 1]))

    def snapshot(self, episode: int):
        return self.local.snapshot(episode)

    def close(self) -> None:
        for remote in self.remotes:
            remote.close()
        for own in self.channels:
            own.close()
        self.server.stop(0)
        self.local.close()

    @staticmethod
    def _joined(act) -> TimeStep:
        time_steps = together(act)
        for time_step in time_steps:
            if isinstance(time_step, Exception):
                raise time_step
        for flags in zip(*(time_step[3:7] for time_step in time_steps), strict=True):
            assert all((flag == flags[0]).all() for flag in flags)
        rows = (np.concatenate([time_step[field] for time_step in time_steps]) for field in range(3))
        exists = np.concatenate([time_step.exists for time_step in time_steps])
        return TimeStep(*rows, *time_steps[0][3:7], exists)


class TestRemoteWorld(WorldContract):
    survives_refusals = False  # the attempt is over: see the test of refusals below

    def make(self, sink, seed=0, threads=1):
        return TeamOfRemoteWorlds(sink, seed, options(), threads)

    def test_every_agent_hears_of_an_unavailable_action(self):
        world = self.made(KeepingSink())
        time_step = world.begin(training(0, 2))
        actions = time_step.available_actions.argmax(-1)
        actions[1, 1] = int((~time_step.available_actions[1, 1]).argmax())
        errors = together(lambda agent: world.remotes[agent].step(actions[agent : agent + 1]))
        assert [type(error) for error in errors] == [UnavailableActionError] * 3
        assert len({str(error) for error in errors}) == 1
