"""An agent with a valid certificate that breaks or lies: it is named, nothing of it counts, and the run can go on."""

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message, MessageType, MetricRecord, RecordDict

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FederationError
from support.toy_agents import SHAPES, STEPS_A_ROUND, ToyAgents, ToyGrid, federate, make_strategy

AGENTS = (0, 1, 2)


def changed(kind, agent, arrays=lambda own: own, metrics=lambda own: own):
    """Change what one agent replies to messages of one kind."""

    def spoil(asked, questions, replies):
        if asked != kind:
            return replies
        content = replies[agent].content
        own = {name: array.numpy() for name, array in content.array_records[m.ARRAYS].items()}
        said = dict(content.metric_records[m.METRICS])
        record = ArrayRecord({name: Array(value) for name, value in arrays(own).items()})
        told = RecordDict({m.ARRAYS: record, m.METRICS: MetricRecord(metrics(said))})
        replies[agent] = Message(told, reply_to=questions[agent])
        return replies

    return spoil


def run(spoil, rounds=2, name="a_pps", **changes):
    strategy = make_strategy(name, **changes)
    strategy.evaluate_every = 1
    notes = []
    strategy.faults.note = notes.append
    result = federate(strategy, ToyGrid(ToyAgents(spoil=spoil)), rounds)
    return strategy, result, notes


def all_set_to(value):
    return lambda own: {name: np.full_like(array, value) for name, array in own.items()}


UPDATES = {
    "not a number": (all_set_to(np.nan), "with values that are not finite"),
    "infinite": (all_set_to(np.inf), "with values that are not finite"),
    "huge": (all_set_to(1e6), "an update of size .*; the median of the others is .*strategy.max_update=10 allows"),
    "other names": (lambda own: {"x": own["head.bias"]}, "x; it was sent"),
    "another order": (lambda own: dict(reversed(own.items())), "; it was sent"),
    "nothing": (lambda own: {}, "nothing; it was sent"),
    "names that a terminal obeys": (lambda own: {"\x1b[2J\n": own["head.bias"]}, r"'\\x1b\[2J\\n'; it was sent"),
    "whole numbers": (lambda own: {n: a.astype(np.int64) for n, a in own.items()}, "as int64 .*; it was sent float32"),
}


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("how", UPDATES)
def test_an_update_that_cannot_count_stops_the_run_and_names_the_agent(agent, how):
    change, words = UPDATES[how]
    with pytest.raises(FederationError, match=rf"agent {agent} was refused in round 1: it returned .*{words}"):
        run(changed(MessageType.TRAIN, agent, change))


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("how", UPDATES)
def test_left_out_the_others_go_on_as_if_it_were_not_there(agent, how):
    strategy, result, notes = run(changed(MessageType.TRAIN, agent, UPDATES[how][0]), on_fault="leave_out", rounds=3)
    kept = [gain for other, gain in enumerate((1, 2, 6)) if other != agent]
    for name, shape in SHAPES.items():
        # every round begins from the aggregate; agent 0's start is everybody's
        assert np.allclose(result.arrays[name].numpy(), np.full(shape, 10 + 3 * np.mean(kept)))
    assert strategy.faults.counts == [3 if other == agent else 0 for other in AGENTS]
    assert strategy.record.weights == [0.0 if other == agent else 0.5 for other in AGENTS]
    assert len(notes) == 3
    assert f"agent {agent} was refused in round 3" in notes[-1]
    assert "Its update is left out (3 of at most 10 faults)" in notes[-1]


def test_more_faults_than_allowed_end_the_run():
    spoil = changed(MessageType.TRAIN, 1, all_set_to(np.nan))
    with pytest.raises(FederationError, match=r"agent 1 .* fault 3 of this run, and strategy.max_faults=2 is the most"):
        run(spoil, rounds=5, on_fault="leave_out", max_faults=2)


def test_a_team_of_which_nobody_is_left_does_not_go_on():
    def spoil(asked, questions, replies):
        for agent in AGENTS:
            replies = list(changed(MessageType.TRAIN, agent, all_set_to(np.nan))(asked, questions, replies))
        return replies

    with pytest.raises(FederationError, match="no agent's update is left in round 1"):
        run(spoil, on_fault="leave_out")


def test_refusals_are_kept_with_a_checkpoint():
    strategy, _, _ = run(changed(MessageType.TRAIN, 2, all_set_to(np.nan)), on_fault="leave_out")
    later = make_strategy("a_pps", on_fault="leave_out")
    later.load_state(strategy.state())
    assert later.faults.counts == [0, 0, 2]
    later.load_state({})
    assert later.faults.counts == [0, 0, 0]


def test_without_a_bound_any_finite_update_counts():
    _, result, _ = run(changed(MessageType.TRAIN, 1, all_set_to(1e6)), rounds=1, max_update=None)
    assert result.arrays["head.bias"].numpy()[0] == pytest.approx((11 + 1e6 + 16) / 3)


LIES = {
    m.ACCUMULATED_REWARD: (MessageType.TRAIN, [1e30, -1.0, float("nan"), [1.0, 2.0]]),
    m.ENV_STEP: (MessageType.TRAIN, [10**12, -(10**6), 0.5]),
    m.TRAIN_STEP: (MessageType.TRAIN, [10**9]),
    m.EPISODE: (MessageType.TRAIN, [0]),
    m.BROKEN: (MessageType.TRAIN, [7]),
    m.WIN_RATE: (MessageType.EVALUATE, [[9.0], [1.0], [], [0.75, 0.75], 0.75]),
    m.EPISODE_LENGTH: (MessageType.EVALUATE, [[1.0]]),
}
EACH_LIE = [(name, kind, value) for name, (kind, values) in LIES.items() for value in values]


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize(("name", "kind", "value"), EACH_LIE)
def test_a_figure_that_world_and_mixer_know_better_names_the_liar(agent, name, kind, value):
    spoil = changed(kind, agent, metrics=lambda own: own | {name: value})
    with pytest.raises(FederationError, match=rf"agent {agent} was refused in round 1: it reported {name}=.*; it is"):
        run(spoil)


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("kind", [MessageType.TRAIN, MessageType.EVALUATE])
def test_figures_that_are_missing_name_who_left_them_out(agent, kind):
    with pytest.raises(FederationError, match=rf"agent {agent} was refused in round 1: it reported .*=None; it is"):
        run(changed(kind, agent, metrics=lambda own: {}))


@pytest.mark.parametrize(("name", "kind", "value"), EACH_LIE)
def test_a_lie_changes_no_figure_of_the_run(name, kind, value):
    honest, _, _ = run(None)
    liar, _, _ = run(changed(kind, 0, metrics=lambda own: own | {name: value}), on_fault="leave_out")
    assert liar.record.evaluation == honest.record.evaluation
    assert liar.record.env_step == honest.record.env_step == 2 * STEPS_A_ROUND
    assert (liar.record.train_step, liar.record.episode) == (honest.record.train_step, honest.record.episode)


def test_a_lie_about_a_policy_names_the_liar():
    spoil = changed(m.POLICY, 1, metrics=lambda own: own | {m.ACCUMULATED_REWARD: 1e30})
    with pytest.raises(FederationError, match=r"agent 1 was refused in round 1: it reported accumulated-reward=1e\+30"):
        run(spoil, name="rs_pps", reward="policy")


def test_the_weight_of_rs_pps_is_what_the_world_counted():
    spoil = changed(MessageType.TRAIN, 2, metrics=lambda own: own | {m.ACCUMULATED_REWARD: 1e30})
    strategy, _, _ = run(spoil, name="rs_pps", on_fault="leave_out")
    assert strategy.record.weights == pytest.approx([0.25, 0.75, 0.0])  # rewards 1 and 3 of those who are left


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (all_set_to(np.nan), "with values that are not finite when it joined"),
        (all_set_to(1e6), "begins with a network of size .*; the median of the others"),
        (all_set_to(0), "begins with a network of size 0; the median of the others"),
        (lambda own: {n: a.astype(str) for n, a in own.items()}, "returned fc.weight as <U.*floating-point numbers"),
        (
            lambda own: {"head.bias": own["head.bias"]},
            r"begins with head.bias \(float32 .*; most agents with fc",
        ),
    ],
)
def test_a_first_network_unlike_the_others_begins_nothing(agent, change, words):
    with pytest.raises(FederationError, match=f"agent {agent} .*{words}"):
        run(changed(m.JOIN, agent, change))


def test_a_network_of_zeros_hides_no_huge_one():
    huge = changed(m.JOIN, 2, all_set_to(1e30))
    zeros = changed(m.JOIN, 1, all_set_to(0))
    with pytest.raises(FederationError, match=r"agent 1 begins .*; agent 2 begins with a network of size"):
        run(lambda asked, questions, replies: zeros(asked, questions, huge(asked, questions, replies)))


@pytest.mark.parametrize("value", ["one", 1.5, None])
def test_an_agent_that_calls_itself_no_number(value):
    def said(own):
        return {} if value is None else own | {m.AGENT: [1, 2] if value == "one" else value}

    with pytest.raises(FederationError, match="node 1001 answered as agent"):
        run(changed(m.JOIN, 1, metrics=said))
