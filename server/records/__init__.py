"""The records of a run: a row of metrics per evaluation, a summary, a file for marl-eval."""

from fedqmix.server.records.documents import read_document, write_json
from fedqmix.server.records.jsonl import JsonlLogger, require_position
from fedqmix.server.records.loggers import Loggers, make_loggers
from fedqmix.server.records.marl_eval import marl_eval
from fedqmix.server.records.reading import parse_rows, read_rows, row_fault
from fedqmix.server.records.row import MetricLogger, Row
from fedqmix.server.records.scores import SCORES, ScoreMetric, best_row, is_evaluation, metric_of, score_of
from fedqmix.server.records.summary import Outcome, summarise

__all__ = [
    "SCORES",
    "JsonlLogger",
    "Loggers",
    "MetricLogger",
    "Outcome",
    "Row",
    "ScoreMetric",
    "best_row",
    "is_evaluation",
    "make_loggers",
    "marl_eval",
    "metric_of",
    "parse_rows",
    "read_document",
    "read_rows",
    "require_position",
    "row_fault",
    "score_of",
    "summarise",
    "write_json",
]
