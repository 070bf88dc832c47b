"""Flower's own aggregation of our arrays, through its public `aggregate_train`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from flwr.app import ArrayRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.common.constant import SUPERLINK_NODE_ID
from flwr.serverapp.strategy import FedAvg

from fedqmix.runtime.core import messages as m

_SHARE = "share"


def through(flower: FedAvg, round_: int, contents: Sequence[ArrayRecord]) -> tuple[ArrayRecord, list[float]]:
    """Aggregate arrays with a Flower strategy, as the replies of a round with equal weights.

    contents: at least one, with equal names, shapes and types; left unchanged. round_: number of the round.
    Returns the aggregate, and each reply's share in the averaged metrics: 1/n for each of the n replies that the
    strategy selected, 0 for the others.
    """
    replies = []
    for number, content in enumerate(contents):
        share = [float(number == other) for other in range(len(contents))]
        metrics = MetricRecord({m.NUM_EXAMPLES: 1, _SHARE: share})
        reply = RecordDict({m.ARRAYS: ArrayRecord(dict(content)), m.METRICS: metrics})
        replies.append(Message(reply, SUPERLINK_NODE_ID, MessageType.TRAIN))
    arrays, metrics_of_all = flower.aggregate_train(round_, replies)
    assert arrays is not None  # there was a reply
    assert metrics_of_all is not None
    return arrays, list(cast(list[float], metrics_of_all[_SHARE]))
