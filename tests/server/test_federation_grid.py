"""The strategy hears every agent exactly once, whatever happens to messages, nodes, clients and agents."""

from functools import partial

import pytest
from flwr.app import ConfigRecord, MessageType, RecordDict
from hypothesis import given, settings
from hypothesis import strategies as st

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import DivergenceError, FederationError
from fedqmix.strategies import strategy_class
from fedqmix.strategies.local_grid import LocalGrid
from support.faulty_federation import ROUNDS, Federation, any_faults, arrays_of, plan_of, same, toy_run, undisturbed
from support.faulty_network import SimulatedNodes
from support.real_team import NEVER
from support.toy_agents import federate, make_strategy
from support.toy_team import algorithm, make_team, strategy_settings


def test_without_faults_every_question_is_one_attempt():
    federation = Federation()
    strategy, result = toy_run(federation.grid, facts=federation.agents.facts)
    assert same(arrays_of(result), undisturbed())
    numbers = [attempt.number for attempt, _, _ in federation.agents.opened]
    assert numbers == list(range(1, federation.attempts + 1))
    kinds = [kind for _, kind, _ in federation.agents.opened]
    assert kinds[0] == "join"
    assert kinds.count(MessageType.TRAIN) == ROUNDS
    assert kinds.count("policy") == ROUNDS * 3
    assert [attempt.round for attempt, kind, _ in federation.agents.opened if kind == MessageType.TRAIN] == [1, 2, 3]
    assert {attempt.run for attempt, _, _ in federation.agents.opened} == {"run-7"}
    assert federation.events == []
    assert len(federation.asked(MessageType.TRAIN)) == 3 * ROUNDS
    assert len(strategy.nodes) == 3


def test_every_plan_says_which_run_and_attempt_and_the_strategy_does_not_see_it():
    federation = Federation()
    toy_run(federation.grid, facts=federation.agents.facts)
    plans = federation.asked(MessageType.TRAIN) + federation.asked(m.JOIN)
    assert {plan[m.RUN] for plan in plans} == {"run-7"}
    assert {plan[m.CONFIG] for plan in plans} == {"seed: 1"}
    assert len({plan[m.ATTEMPT] for plan in plans}) == ROUNDS + 1
    assert [plan[m.INDEX] for plan in federation.asked(m.POLICY)[:9:3]] == [0, 1, 2]


@settings(max_examples=20)
@given(any_faults(0, 20), st.booleans())
def test_any_faults_any_order(faults, stray):
    federation = Federation(faults, stray, patience=3600.0)
    _, result = toy_run(federation.grid, facts=federation.agents.facts)
    assert same(arrays_of(result), undisturbed())
    numbers = [attempt.number for attempt, _, _ in federation.agents.opened]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("rooms", [1, 2])
def test_a_team_larger_than_what_flower_simulates_at_once_meets_all_the_same(rooms):
    federation = Federation(network=partial(SimulatedNodes, rooms=rooms))
    strategy, result = toy_run(federation.grid, facts=federation.agents.facts)
    assert same(arrays_of(result), undisturbed())
    assert federation.network.sent_away
    assert federation.attempts == 1 + ROUNDS * (1 + 3) + strategy.evaluations


@settings(max_examples=20)
@given(any_faults(3, 12))
def test_exactly_one_answer_per_agent_of_the_newest_attempt(faults):
    federation = Federation(["fine"] * 6 + faults, stray=True, patience=3600.0)
    strategy = make_strategy("a_pps")
    arrays = strategy.join(federation.grid)
    questions = list(strategy.configure_train(1, arrays, {}, federation.grid))
    replies = list(federation.grid.send_and_receive(questions, timeout=1.0))
    assert [reply.metadata.src_node_id for reply in replies] == strategy.nodes
    newest = federation.agents.opened[-1][0].number
    numbers = {one.metadata.message_id: plan_of(one).get(m.ATTEMPT) for one in federation.network.pushed}
    assert {numbers[reply.metadata.reply_to_message_id] for reply in replies} == {newest}


@pytest.mark.parametrize("name", ["pp_pps", "full_sharing"])
def test_real_agents_that_are_disturbed_learn_the_same(name):
    def run(grid, facts):
        settings = strategy_settings(name)
        strategy = strategy_class(settings)(settings, 3, NEVER, evaluate_every=40, evaluate_episodes=3)
        return federate(strategy, grid, 2, facts)

    def team():
        return make_team(algorithm(learning_rate=0.02, parallel_episodes=4))

    calm = team()
    expected = arrays_of(run(LocalGrid(3, calm.answer), calm.facts))
    faults = ["fine"] * 6 + ["agent restarts", "fine", "answer lost", "node restarts", "client crashes", "slow"]
    federation = Federation(faults, team=team())
    assert same(arrays_of(run(federation.grid, federation.agents.facts)), expected)
    assert any("round 1 is attempted again (attempt 3)" in event for event in federation.events)


def test_an_agent_that_restarts_costs_an_attempt_and_the_user_is_told():
    federation = Federation(["fine"] * 7 + ["agent restarts"])
    toy_run(federation.grid, facts=federation.agents.facts)
    assert "agent 1 went away" in federation.events
    assert "round 1 is attempted again (attempt 3)" in federation.events


def test_a_lost_answer_costs_no_attempt():
    federation = Federation(["fine"] * 6 + ["answer lost"])
    _, _ = toy_run(federation.grid, facts=federation.agents.facts)
    assert federation.events == []
    assert [plan[m.ATTEMPT] for plan in federation.asked(MessageType.TRAIN)[:4]] == [2, 2, 2, 2]


def test_a_world_that_never_comes_back_ends_the_run():
    federation = Federation()
    strategy = make_strategy("a_pps")
    arrays = strategy.join(federation.grid)
    federation.agents.reachable = False
    with pytest.raises(FederationError, match="the world could not be reached"):
        federation.grid.send_and_receive(strategy.configure_train(1, arrays, {}, federation.grid))


def test_what_ends_the_run_is_the_agents_own_error():
    federation = Federation()
    strategy = make_strategy("a_pps")
    arrays = strategy.join(federation.grid)
    federation.agents.fatal = DivergenceError("gradient of gru.weight_hh of agent 2", "training step 812")
    with pytest.raises(DivergenceError) as caught:
        federation.grid.send_and_receive(strategy.configure_train(1, arrays, {}, federation.grid))
    assert caught.value.place.startswith("gradient of gru.weight_hh of agent 2")  # all say so; the first is named
    assert caught.value.step == "training step 812"
    assert federation.attempts == 2


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            {"kind": "fatal", "error": "FederationError", "text": "agent 2 lied.", "arguments": '["agent 2 lied."]'},
            "agent 1 says that the run cannot go on: agent 2 lied.",
        ),
        (
            {"kind": "fatal", "error": "ValueError", "text": "\x1b[2Jout of range", "arguments": "[]"},
            r"agent 1 says that the run cannot go on: .*\?\[2Jout of range",
        ),
        ({}, "agent 1 says that the run cannot go on"),
    ],
    ids=["blames another", "an error of its own", "without a word"],
)
def test_who_says_that_the_run_is_over_is_named(said, words):
    federation = Federation()
    strategy = make_strategy("a_pps")
    arrays = strategy.join(federation.grid)
    honest = federation.agents._answer

    def lying(attempt):
        reply = federation.agents._met[1][1]
        federation.agents._met[1] = (federation.agents._met[1][0], lambda content: reply(failed))
        honest(attempt)

    failed = RecordDict({m.FAILURE: ConfigRecord(said)})
    federation.agents._answer = lying
    with pytest.raises(FederationError, match=words):
        federation.grid.send_and_receive(strategy.configure_train(1, arrays, {}, federation.grid))


def test_a_client_that_always_crashes_ends_the_run():
    federation = Federation(["fine"] * 6 + ["client crashes"] * 100)
    with pytest.raises(FederationError, match=r"client of agent \d failed 5 times in a row: stopped responding"):
        toy_run(federation.grid, facts=federation.agents.facts)


def test_an_attempt_that_always_breaks_ends_the_run():
    federation = Federation(["fine"] * 6 + ["agent restarts"] * 1000)
    with pytest.raises(FederationError, match=r"round 1 .*broke off every time, last with: agent \d went away"):
        toy_run(federation.grid, facts=federation.agents.facts)


def test_nothing_asked_nothing_opened():
    federation = Federation()
    assert list(federation.grid.send_and_receive([])) == []
    assert federation.agents.opened == []


def test_bytes_are_counted_by_round_and_agent():
    calm, noisy = Federation(), Federation(["fine"] * 6 + ["answer lost", "question lost"])
    for federation in (calm, noisy):
        toy_run(federation.grid, name="a_pps", facts=federation.agents.facts)
    assert set(calm.grid.bytes) == {(round_, agent, "flower") for round_ in range(ROUNDS + 1) for agent in range(3)}
    arrays = 4 * (6 + 27 + 6 + 2)
    for up, down in calm.grid.bytes.values():
        assert min(up, down) > 0
    assert min(calm.grid.bytes[1, 0, "flower"]) > arrays
    assert noisy.grid.bytes[1, 0, "flower"][1] > calm.grid.bytes[1, 0, "flower"][1]  # asked again
