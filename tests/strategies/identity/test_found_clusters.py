"""Clusters found over real messages: what the question and its answers hold, who is refused, what is stored."""

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message, MessageType, MetricRecord, RecordDict

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import ConfigurationError, FederationError
from fedqmix.runtime.core.team_arrays import of_agent
from fedqmix.strategies import strategy_class
from fedqmix.strategies.identity.strategy import CENTRES, CLUSTER_OF
from support.real_team import NEVER, RecordingGrid, run
from support.toy_agents import federate
from support.toy_team import algorithm, make_team, strategy_settings
from support.toy_world import SECRET

TWO = {"clusters": 2, "identity_steps": 100}
BRIEFLY = {"clusters": 2, "identity_steps": 10}
LATENT = 4


def asked(grid: RecordingGrid) -> list[Message]:
    return [one for one in grid.questions if one.metadata.message_type == m.IDENTITY]


def answers(grid: RecordingGrid) -> list[Message]:
    return [one for one in grid.replies if one.metadata.message_type == m.IDENTITY]


def test_one_question_comes_before_the_first_round_and_only_a_mean_leaves() -> None:
    _, strategy, grid, _ = run("seps", 2, **TWO)
    kinds = [one.metadata.message_type for one in grid.questions]
    assert kinds[:6] == [m.JOIN] * 3 + [m.IDENTITY] * 3
    assert m.IDENTITY not in kinds[6:]
    for question in asked(grid):
        assert list(question.content.array_records[m.ARRAYS]) == []
    for answer in answers(grid):
        (found,) = answer.content.array_records[m.ARRAYS].items()
        assert found[0] == m.IDENTITY_MEAN
        assert found[1].numpy().shape == (LATENT,)
        assert set(answer.content.metric_records[m.METRICS]) == {
            m.NUM_EXAMPLES,
            m.ACCUMULATED_REWARD,
            m.BROKEN,
            m.IDENTITY_ERROR,
        }
    assert all(SECRET.tobytes() not in one for one in grid.wire())
    assert sorted(agent for own in strategy.clusters for agent in own) == [0, 1, 2]
    assert len(strategy.clusters) == 2


def test_agents_of_a_cluster_are_averaged_among_themselves() -> None:
    _, strategy, _, result = run("seps", 2, **TWO)
    (alone,) = next(own for own in strategy.clusters if len(own) == 1)
    one, other = next(own for own in strategy.clusters if len(own) == 2)
    heads = [of_agent(result.arrays, agent)["head.weight"].numpy() for agent in range(3)]
    assert np.array_equal(heads[one], heads[other])
    assert not np.array_equal(heads[one], heads[alone])


def test_the_question_leaves_training_as_it_is() -> None:
    """Agents, episodes and schedules of a run with given clusters are those of the same clusters found."""
    found, strategy, *_ = run("seps", 2, **TWO)
    given, *_ = run("seps", 2, clusters=[list(own) for own in strategy.clusters])
    for name, value in given.agents.state().items():
        assert np.array_equal(found.agents.state()[name].detach(), value.detach()), name


def test_a_checkpoint_holds_the_clusters_and_they_are_not_looked_for_again() -> None:
    _, strategy, *_ = run("seps", 1, **TWO)
    state = strategy.state()
    assert state[CLUSTER_OF].tolist() == [strategy.partition.labels[agent] for agent in range(3)]
    assert state[CENTRES].shape == (2, LATENT)
    settings = strategy_settings("seps", **TWO)
    again = strategy_class(settings)(settings, 3, NEVER, 40, evaluate_episodes=3)
    again.load_state(state)
    grid = RecordingGrid(make_team(algorithm(learning_rate=0.02, parallel_episodes=4)))
    federate(again, grid, 1)
    assert asked(grid) == []
    assert again.clusters == strategy.clusters


def test_figures_say_what_was_found_and_by_what() -> None:
    _, strategy, *_ = run("seps", 1, **TWO)
    own = strategy.figures()["identity"]
    assert own["clusters"] == strategy.clusters
    assert len(own["identity_error"]) == 10
    assert own["identity_env_steps"] > 0
    assert own["fits"][0]["clusters"] == 2


class Lying(RecordingGrid):
    """Agent 1 answers the question about identities by `lie`: (arrays, metrics) -> both."""

    def __init__(self, lie) -> None:
        super().__init__(make_team(algorithm(learning_rate=0.02, parallel_episodes=4)))
        self._lie = lie

    def pull_messages(self, message_ids):
        replies = list(super().pull_messages(message_ids))
        for place, reply in enumerate(replies):
            if reply.metadata.message_type == m.IDENTITY and reply.metadata.src_node_id == 1001:
                own = {name: value.numpy() for name, value in reply.content.array_records[m.ARRAYS].items()}
                arrays, metrics = self._lie(own, dict(reply.content.metric_records[m.METRICS]))
                record = ArrayRecord({name: Array(value) for name, value in arrays.items()})
                content = RecordDict({m.ARRAYS: record, m.METRICS: MetricRecord(metrics)})
                question = next(one for one in asked(self) if one.metadata.dst_node_id == 1001)
                replies[place] = Message(content, reply_to=question)
        return replies


MEAN = m.IDENTITY_MEAN
LIES = {
    "not finite": (lambda a, n: ({MEAN: a[MEAN] * np.nan}, n), r"agent 1 returned identity\.mean with values"),
    "another shape": (lambda a, n: ({MEAN: a[MEAN][:2]}, n), r"agent 1 answered with other arrays than identity\.mean"),
    "another type": (lambda a, n: ({MEAN: a[MEAN].astype(np.float64)}, n), "agent 1 answered with other arrays"),
    "more arrays": (lambda a, n: ({**a, "x": a[MEAN]}, n), "agent 1 answered with other arrays"),
    "nothing": (lambda a, n: ({}, n), "agent 1 answered with other arrays"),
    "another return": (
        lambda a, n: (a, n | {m.ACCUMULATED_REWARD: 99.0}),
        r"agent 1 reported accumulated-reward=99\.0; it is 13\.75",
    ),
    "no error": (lambda a, n: (a, {k: v for k, v in n.items() if k != m.IDENTITY_ERROR}), "agent 1 did not report"),
    "an error that is no number": (lambda a, n: (a, n | {m.IDENTITY_ERROR: [float("nan")] * 10}), "agent 1 did not"),
    "another course": (lambda a, n: (a, n | {m.IDENTITY_ERROR: [1.0]}), "errors of different numbers of parts"),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_is_not_valid_names_the_agent(lie: str) -> None:
    change, words = LIES[lie]
    settings = strategy_settings("seps", **BRIEFLY)
    strategy = strategy_class(settings)(settings, 3, NEVER, 40, evaluate_episodes=3)
    with pytest.raises(FederationError, match=words):
        federate(strategy, Lying(change), 1)
    assert strategy.state() == {}


def test_agents_without_clear_clusters_end_the_run_before_the_first_round() -> None:
    settings = strategy_settings("seps", clusters="auto", identity_silhouette=1.0, identity_steps=10)
    strategy = strategy_class(settings)(settings, 3, NEVER, 40, evaluate_episodes=3)
    grid = RecordingGrid(make_team())
    with pytest.raises(ConfigurationError, match=r"below strategy\.identity_silhouette=1\. K=2: Davies-Bouldin"):
        federate(strategy, grid, 1)
    assert MessageType.TRAIN not in {one.metadata.message_type for one in grid.questions}
