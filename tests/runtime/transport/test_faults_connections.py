"""Connections that are slow, cut or doubled, and services that are killed: the same results, or another attempt."""

import time

import pytest
import torch

from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import AttemptError, RefusedError
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from fedqmix.runtime.transport.control_remote import RemoteControl
from fedqmix.runtime.transport.mixer_remote import RemoteMixer
from fedqmix.runtime.transport.world_remote import RemoteWorld
from support.bad_wire import BadWire
from support.federation import ATTEMPT, SPEC, channel, federation, same_parameters, together
from support.toy_team import algorithm, make_team

PLAN = RoundPlan(4, 10**9, False)
EPISODES = EpisodeBatch(Purpose.TRAINING, 0, 3)


def play_on(remotes, time_steps) -> list:
    """Play until something is raised, which must be before the episodes are over; return what each agent got."""
    while not any(isinstance(time_step, Exception) for time_step in time_steps):
        assert not (time_steps[0].terminated | time_steps[0].truncated).all()
        actions = [time_step.available_actions.argmax(-1) for time_step in time_steps]
        time_steps = together(lambda agent, actions=actions: remotes[agent][0].step(actions[agent]))
    return time_steps


@pytest.mark.parametrize(
    "wire",
    [{"delay_s": 0.004}, {"cut_every": 12}, {"cut_every": 12, "double": True}],
    ids=["delayed", "cut", "cut and doubled"],
)
def test_a_bad_wire_changes_nothing(wire):
    wires = []

    def via(port):
        wires.append(BadWire(port, **wire))
        return wires[-1].port

    team = make_team(algorithm(), SPEC)
    expected = train_round(team.agents, team.world, team.learner, PLAN)
    with federation(via=via) as fed:
        fed.open()
        stacks = fed.stacks()

        def train(agent):
            world, mixer = fed.remote(agent)
            outcome = train_round(stacks[agent], world, mixer, PLAN)
            mixer.finish()
            return outcome

        outcomes = together(train)
        assert [outcome.individual_returns[0] for outcome in outcomes] == list(expected.individual_returns)
        same_parameters(stacks, fed.sides[0].learner, team)
    for own in wires:
        own.close()
    assert ("cut_every" in wire) == (sum(own.cuts for own in wires) > 3)
    assert ("double" in wire) == any(own.doubled for own in wires)


@pytest.mark.parametrize("killed", ["world", "mixer"])
def test_a_service_that_was_killed_and_restarted_breaks_the_attempt_and_the_next_one_works(killed):
    with federation() as fed:
        fed.open()
        remotes = [fed.remote(agent) for agent in range(SPEC.n_agents)]
        first = together(lambda agent: remotes[agent][0].begin(EPISODES))
        if killed == "world":
            fed.world_server.stop(0)
            fed.start_world()
        else:
            fed.mixer_server.stop(0)
            fed.start_mixer()
        errors = play_on(remotes, first)
        assert [type(error) for error in errors] == [AttemptError] * 3
        assert "not open" in str(errors[0])
        second = Attempt(ATTEMPT.run, 1, 2)
        fed.open(second)
        again = together(lambda agent: fed.remote(agent, second)[0].begin(EPISODES))
        for one, other in zip(first, again, strict=True):
            assert (one.observations == other.observations).all()


def test_a_round_whose_mixer_was_lost_is_learned_again_from_the_round_before():
    plans = [PLAN, PLAN]
    team = make_team(algorithm(), SPEC)
    train_round(team.agents, team.world, team.learner, PLAN)
    expected = team.learner.state()
    with federation() as fed:
        attempts = [Attempt("a run", 1, number) for number in (1, 2)]
        for attempt in attempts:
            fed.open(attempt)
            stacks = fed.stacks()  # agents that begin again from round 0

            def train(agent, attempt=attempt, stacks=stacks):
                return train_round(stacks[agent], *fed.remote(agent, attempt), plans[0])

            together(train)
            if attempt is attempts[0]:
                fed.mixer_server.stop(0)
                fed.start_mixer()
        assert len(fed.sides) == 2
        restored = fed.sides[1].learner.state()
    assert restored.keys() == expected.keys()
    assert all((restored[name] - expected[name]).abs().max() <= 1e-5 for name in expected)


def test_an_agent_that_dies_makes_the_others_try_again():
    with federation(patience=1) as fed:
        fed.open()
        errors = together(lambda agent: fed.remote(agent)[0].begin(EPISODES) if agent != 1 else None)
        assert [type(error) for error in errors] == [AttemptError, type(None), AttemptError]
        assert "agent 1 did not come" in str(errors[0])
        assert "agent 1 did not come" in fed.controls()[1].status().broken


def test_who_cannot_be_reached_is_named():
    with federation() as fed:
        gone = fed.world_port
        fed.world_server.stop(0)
        own = channel(gone)
        with pytest.raises(AttemptError, match=r"the world could not be reached for \d+ s \(UNAVAILABLE"):
            RemoteWorld(own, 0, ATTEMPT, SPEC, patience=0.1).begin(EPISODES)
        own.close()


def test_a_sink_that_cannot_reach_the_mixer_breaks_the_attempt_for_the_agents():
    with federation(patience=0.5) as fed:
        fed.open()
        fed.mixer_server.stop(0)
        errors = together(
            lambda agent: RemoteWorld(fed.channel("anybody", "world"), agent, ATTEMPT, SPEC, 20).begin(EPISODES)
        )
        assert all(
            isinstance(error, AttemptError) and "the mixer could not be reached" in str(error) for error in errors
        )


def test_a_call_that_is_tried_in_vain_ends_when_the_next_attempt_begins():
    with federation(patience=30) as fed:
        fed.open()
        fed.mixer_server.stop(0)
        control = RemoteControl(fed.channel("anybody", "world"), "the world")

        def act(agent):
            if agent < SPEC.n_agents:
                return fed.remote(agent)[0].begin(EPISODES)
            while not all(agent.waiting for agent in control.status().agents):
                time.sleep(0.01)
            return control.open(Attempt("a run", 1, 2), "train", "settings")

        *errors, opened = together(act, SPEC.n_agents + 1)
        assert [type(error) for error in errors] == [AttemptError] * 3
        assert opened is None
        assert control.status().attempt == Attempt("a run", 1, 2)


def test_another_service_at_the_address_is_said():
    with federation() as fed:
        own = fed.channel("anybody", "world")
        with pytest.raises(RefusedError, match="does not know this call"):
            RemoteMixer(own, 0, ATTEMPT, ()).clip(torch.ones(1, dtype=torch.float64))


def test_what_is_told_of_a_step_is_not_lost_when_the_mixer_is():
    """It travels while the agents choose; its loss breaks the attempt before the batch is over."""
    with federation(patience=0.5) as fed:
        fed.open()
        remotes = [fed.remote(agent) for agent in range(SPEC.n_agents)]
        time_steps = together(lambda agent: remotes[agent][0].begin(EPISODES))
        fed.mixer_server.stop(0)
        errors = play_on(remotes, time_steps)
        assert all(isinstance(error, AttemptError) for error in errors)
        assert "the mixer could not be reached" in str(errors[0])
