"""`fedqmix bench attacks`: each attack by hand, a few real runs, and what is printed and drawn of them."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict

from fedqmix.analysis.benchmarks import attack_runs, attack_table
from fedqmix.analysis.benchmarks.attacks import ATTACKS, lying
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.side_by_side.run import State
from fedqmix.strategies.local_grid import take_server_identity
from support.cost_suite import TASK, installed

SENT = {"fc": [1.0, 2.0], "head": [3.0]}
TRAINED = {"fc": [1.5, 2.0], "head": [2.0]}


def record(named: dict[str, list[float]]) -> ArrayRecord:
    return ArrayRecord({name: Array(np.asarray(value, np.float32)) for name, value in named.items()})


def said(attack: str, kind: str = MessageType.TRAIN, round_: int = 1, seed: int = 1) -> list[RecordDict]:
    """What the server gets of a team of two, of which the last is dishonest."""
    take_server_identity()

    def answers(questions: list[Message]) -> list[Message]:
        metrics = {m.ACCUMULATED_REWARD: 2.0}
        content = [RecordDict({m.ARRAYS: record(TRAINED), m.METRICS: MetricRecord(dict(metrics))}) for _ in questions]
        return [Message(one, reply_to=question) for one, question in zip(content, questions, strict=True)]

    questions = []
    for node in (1, 2):
        plan = ConfigRecord({m.ROUND: round_})
        question = Message(RecordDict({m.ARRAYS: record(SENT), m.PLAN: plan}), node, kind)
        question.metadata.__dict__["_message_id"] = str(node)
        questions.append(question)
    return [reply.content for reply in lying(attack, 1, seed)(answers)(questions)]


def values(content: RecordDict) -> dict[str, list[float]]:
    assert all(array.dtype == "float32" for array in content.array_records[m.ARRAYS].values())
    return {name: array.numpy().tolist() for name, array in content.array_records[m.ARRAYS].items()}


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        ("honest", TRAINED),
        ("sign_flip", {"fc": [0.5, 2.0], "head": [4.0]}),
        ("times_100", {"fc": [51.0, 2.0], "head": [-97.0]}),
        ("stale", SENT),
        ("reward_lie", TRAINED),
    ],
)
def test_each_attack_by_hand(attack: str, expected: dict[str, list[float]]) -> None:
    honest, liar = said(attack)
    assert (values(honest), values(liar)) == (TRAINED, expected)
    individual_returns = [content.metric_records[m.METRICS][m.ACCUMULATED_REWARD] for content in (honest, liar)]
    assert individual_returns == [2, 2000 if attack == "reward_lie" else 2]


def test_noise_is_as_long_as_an_honest_update_and_drawn_anew_in_every_round() -> None:
    first, again, later, other = (
        np.concatenate(list(values(said("noise", round_=round_, seed=seed)[1]).values()))
        for round_, seed in ((1, 1), (1, 1), (2, 1), (1, 2))
    )
    assert np.linalg.norm(first - [1, 2, 3]) == pytest.approx(np.sqrt(0.5**2 + 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, later)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("attack", ATTACKS)
def test_other_messages_are_answered_honestly(attack: str) -> None:
    assert [values(content) for content in said(attack, MessageType.EVALUATE)] == [TRAINED, TRAINED]


SMALL = ["experiment=smoke", "stop.env_steps=800", "evaluation.every_env_steps=1", "processes=2"]


@pytest.mark.slow
def test_real_runs_as_figures_table_and_picture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["attacks=honest,times_100", "aggregations=median", "seeds=3", *SMALL]
    assert main(["bench", "attacks", *words]) == 0
    output = capfd.readouterr()
    figures = json.loads(output.out)
    assert (figures["map"], figures["agents"], figures["env_steps"], figures["seeds"]) == ("3m", 3, 800, [3])
    assert "median-honest-s3 is done" in output.err
    for by_attack in figures["results"].values():
        for cell in by_attack.values():
            assert (cell["stopped"], list(cell["seeds"])) == (0, ["3"])
            assert 0 <= cell["won"]["value"] <= 1
            assert cell["seeds"]["3"]["env_steps"] >= 800
    weights = {attack: cell["seeds"]["3"]["liar_weight"] for attack, cell in figures["results"]["median"].items()}
    assert weights["times_100"] < weights["honest"] / 2  # an honest agent is in the middle for a third of the numbers

    file = tmp_path / "figures.json"
    file.write_text(output.out)
    assert attack_table.main(["table", str(file)]) == 0
    assert "| `times_100`: sends 100 times what it learned | 0 %" in capfd.readouterr().out
    assert attack_table.main(["picture", str(file)]) == 0
    picture = ElementTree.fromstring(capfd.readouterr().out)
    shown = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "One dishonest agent of 3: how often the team still wins on 3m" in shown
    assert {"median", "times 100", "sends what it learned"} <= set(shown)


@pytest.mark.slow
def test_an_honest_run_is_a_run_of_train(tmp_path: Path) -> None:
    """What stands between server and team changes nothing where nobody lies."""
    from fedqmix.analysis.benchmarks import attacked

    words = ["experiment=smoke", "strategy=median", "stop.rounds=2"]
    assert main(["train", *words, f"run_dir={tmp_path / 'train'}"]) == 0
    assert attacked.main(["honest", "2", *words, f"run_dir={tmp_path / 'honest'}"]) == 0
    assert attacked.main(["sign_flip", "2", *words, f"run_dir={tmp_path / 'lying'}"]) == 0
    folders = ("train", "honest", "lying")
    name = "checkpoints/round-000002/aggregate.safetensors"
    train, honest, lying_ = ((tmp_path / folder / name).read_bytes() for folder in folders)
    assert train == honest
    assert train != lying_


def test_a_run_that_was_stopped_is_not_a_score_of_0(tmp_path: Path) -> None:
    """An error that names the liar is another outcome than a team that cannot win."""
    config = compose(["experiment=smoke"])
    runs = [attack_runs.AttackedRun("a_pps", "sign_flip", tmp_path, [], config) for _ in range(2)]
    runs[0].state, runs[1].state = State.DONE, State.FAILED
    runs[0].rows = [{"env_step": 10 * n, "test_battle_won_mean": n / 10, "fed/weight_2": 0.25} for n in range(8)]
    runs[1].log.write_text("round 1\nerror: agent 2 sent an update that is too long\n")
    assert [runs[0].figures()[name] for name in ("won", "final", "liar_weight")] == [0.6, 0.7, 0.25]
    assert runs[1].figures()["stopped"] == "agent 2 sent an update that is too long"
    runs[1].seed = 2
    cell = attack_runs._results(runs)["a_pps"]["sign_flip"]
    assert (cell["stopped"], cell["won"]["value"]) == (1, 0.6)
    figures = {"results": {"a_pps": {"sign_flip": cell}}}
    assert "| 60 % (60 to 60) 1 of 2 stopped |" in attack_table.table(figures)


def test_returns_are_shown_where_nothing_can_be_won(tmp_path: Path) -> None:
    with installed():
        config = compose(["experiment=smoke", f"map={TASK}"])
        runs = [attack_runs.AttackedRun("a_pps", "sign_flip", tmp_path, [], config)]
    runs[0].state = State.DONE
    runs[0].rows = [{"env_step": 10 * n, "test_return_mean": -100.0 - n} for n in range(8)]
    cells = attack_runs._results(runs)["a_pps"]
    assert (cells["sign_flip"]["return"]["value"], cells["sign_flip"]["final"]["value"]) == (-106.0, -107.0)
    assert "won" not in cells["sign_flip"]
    better = {**cells["sign_flip"], "return": {"value": -80.5, "low": -82.0, "high": -79.0}}
    figures = {"results": {"a_pps": {**cells, "honest": better}}, "score": "return", "agents": 3, "map": TASK}
    figures |= {"seeds": [1], "env_steps": 80, "evaluations_scored": 3}
    assert "| -106 |" in attack_table.table(figures)
    shown = {element.text: element for element in ElementTree.fromstring(attack_table.picture(figures)).iter()}
    assert {"One dishonest agent of 3: the return that the team still gets on toy", "-80.5", "-106"} <= set(shown)
    assert {"return -106", "return -80.5"} <= set(shown)  # the ends of the colours


def test_the_aggregations_by_default_are_those_the_team_is_large_enough_for() -> None:
    by_map = {map_: set(attack_runs.fitting([f"map={map_}"])) for map_ in ("3m", "2s3z", "8m")}
    assert by_map["8m"] - by_map["2s3z"] == {"bulyan"}
    assert by_map["2s3z"] - by_map["3m"] == {"krum"}
    assert {"a_pps", "rs_pps", "median", "trimmed_mean", "norm_clip"} <= by_map["3m"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["attacks=sing_flip"], "unknown attack 'sing_flip'; did you mean 'sign_flip'?"),
        (["aggregations=medain"], "did you mean 'median'?"),
        (["aggregations=krum"], "strategy=krum with strategy.byzantine=1 needs at least 5 agents; 3m has 3."),
        (["aggregations=median", "seeds=1,1"], "seeds=... names 1 twice."),
        (["aggregations=median", "seeds=0"], "seeds=0 must be a number above 0"),
        (["aggregations=median", "stop.env_stesp=3"], "did you mean 'stop.env_steps="),
        (
            ["aggregations=median", "strategy=a_pps"],
            "'strategy=a_pps': bench attacks trains many runs; write aggregations",
        ),
        (["aggregations=median", "seed=3"], "write seeds=1,2,3"),
        (["aggregations=median", "run_dir=here"], "their folders are deleted"),
    ],
)
def test_mistakes_are_refused_before_anything_starts(
    words: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "attacks", *words]) == 2
    output = capfd.readouterr()
    assert message in output.err
    assert "starts" not in output.err


def test_every_attack_and_aggregation_has_words() -> None:
    assert attack_table.SAYS.keys() == ATTACKS.keys()
    assert attack_table.HOW.keys() == attack_runs.AGGREGATIONS.keys()
    for name in attack_runs.AGGREGATIONS:
        if name != "a_pps_checked":  # its settings are those of the checks of replies
            try:
                compose([*attack_runs.AGGREGATIONS[name], "map=8m"])
            except ConfigurationError as error:
                pytest.fail(str(error))
