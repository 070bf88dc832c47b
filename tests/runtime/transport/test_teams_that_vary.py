"""Which agents exist in an episode: in the World contract and on the wire."""

from __future__ import annotations

import numpy as np
import pytest

from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from fedqmix.runtime.transport.codec import encode
from fedqmix.runtime.transport.time_steps import read_sight, read_team_time_step, sights, team_time_step_message
from support.toy_world import ToyWorld, toy_spec
from support.worlds import KeepingSink

EPISODES = 20


def _begun(varies: bool):
    """Return a toy world's sizes and its first time steps for the agents and for the team."""
    sink = KeepingSink()
    world = ToyWorld(toy_spec(), 3, sink, varies)
    time_step = world.begin(EpisodeBatch(Purpose.TRAINING, 0, EPISODES))
    return world.spec, time_step, sink.time_steps[0]


def test_teams_of_several_sizes_arrive_as_they_were_sent() -> None:
    spec, time_step, team = _begun(varies=True)
    assert len(set(time_step.exists.sum(0))) == spec.n_agents  # teams of every size from one on
    for agent, message in enumerate(sights(time_step)):
        read = read_sight(message, spec, EPISODES)
        np.testing.assert_array_equal(read.exists, time_step.exists[agent : agent + 1])
    read_team = read_team_time_step(team_time_step_message(team), EPISODES, spec)
    np.testing.assert_array_equal(read_team.exists, time_step.exists)


def test_whole_teams_cost_nothing_on_the_wire() -> None:
    spec, time_step, team = _begun(varies=False)
    messages = [*sights(time_step), team_time_step_message(team)]
    assert not any(message.HasField("exists") for message in messages)
    assert read_sight(messages[0], spec, EPISODES).exists.all()
    assert read_team_time_step(messages[-1], EPISODES, spec).exists.shape == (spec.n_agents, EPISODES)


def test_a_mask_of_another_shape_is_refused() -> None:
    spec, time_step, team = _begun(varies=True)
    sight, told = sights(time_step)[0], team_time_step_message(team)
    for message in (sight, told):
        message.exists.CopyFrom(encode(np.ones((spec.n_agents + 1, EPISODES), np.bool_)))
    with pytest.raises(RefusedError, match="exists must have the shape"):
        read_sight(sight, spec, EPISODES)
    with pytest.raises(RefusedError, match="exists must have the shape"):
        read_team_time_step(told, EPISODES, spec)


def test_absent_agents_see_and_do_nothing() -> None:
    world = ToyWorld(toy_spec(), 3, KeepingSink(), varies=True)
    time_step = world.begin(EpisodeBatch(Purpose.TRAINING, 0, EPISODES))
    exists = time_step.exists.copy()
    assert not exists.all()
    while not (time_step.terminated | time_step.truncated).all():
        assert not time_step.observations[~exists].any()
        assert time_step.available_actions[~exists][:, 0].all()
        assert not time_step.available_actions[~exists][:, 1:].any()
        time_step = world.step(time_step.available_actions.argmax(-1))
        np.testing.assert_array_equal(time_step.exists, exists)
        assert not time_step.individual_rewards[~exists].any()
