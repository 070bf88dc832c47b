"""What a person sees: one line per evaluation in a log, a bar on a terminal, a table at the end."""

import io

import pytest
from rich.console import Console

from fedqmix.runtime.runs.lifecycle.progress import Progress, closing_table, closing_table_of_seeds
from support.played import rows


def shown(terminal: bool, *updates: dict[str, float | int]) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=160, color_system=None)
    with Progress(10_000, console) as progress:
        for update in updates:
            progress.update(update)
        progress.note("weights were uniform [negative rewards]")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_log_gets_one_plain_line_per_evaluation() -> None:
    in_between: dict[str, float | int] = {"env_step": 700, "elapsed_s": 0.5, "round": 1}
    text = shown(False, rows(2)[0], in_between, rows(2)[1])
    first, second, note = text.splitlines()
    assert first == "env step 500 of 10,000  round 1  won 14%  return 2.22  loss 0.1  epsilon 0.92"
    assert second == (
        "env step 1,000 of 10,000  round 2  won 29%  return 4.44  loss 0.05  epsilon 0.85  "
        "1,500 env steps/s  30.0 training steps/s  6 s left"
    )
    assert note == "weights were uniform [negative rewards]"
    assert "\x1b" not in text


def without_wins(count: int) -> list[dict[str, float | int]]:
    """Return rows of a run in a world where nothing can be won; returns below 0."""
    left_out = {"test_battle_won_mean", "battle_won_mean"}
    return [
        {name: value for name, value in row.items() if name not in left_out}
        | {"test_return_mean": -900.0 + 10 * number, "test_return_std": 33.0, "return_mean": -950.0}
        for number, row in enumerate(rows(count))
    ]


def test_a_run_without_wins_shows_its_return_first() -> None:
    text = shown(False, without_wins(1)[0])
    assert text.splitlines()[0] == (
        "env step 500 of 10,000  round 1  return -900.00  std 33.00  in training -950.00  loss 0.1  epsilon 0.92"
    )
    assert "won" not in text.splitlines()[0]


def test_the_closing_tables_of_runs_without_wins_begin_with_the_return() -> None:
    console = Console(file=io.StringIO(), width=120)
    some = [*without_wins(3), {**without_wins(4)[3], "test_return_mean": -990.0}]
    console.print(closing_table(some))
    console.print(closing_table_of_seeds({1: some[:2], 2: some}))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    lines = [line.replace("│", " ").split() for line in text.splitlines()]
    assert ["return", "-990.00", "-880.00"] in lines
    assert ["1", "-890.00", "33.00"] in [line[:3] for line in lines]
    assert ["mean", "-940.00"] in [line[:2] for line in lines]
    assert "win rate" not in text


def test_a_terminal_gets_a_bar_that_moves_between_evaluations_too() -> None:
    text = shown(True, rows(2)[0], {"env_step": 2500, "elapsed_s": 2.0})
    assert "\x1b" in text
    assert "2500/10000" in text
    assert "25%" in text
    assert "won 14%" in text
    assert "weights were uniform [negative rewards]" in text


@pytest.mark.parametrize(("seconds", "left"), [(40.0, "40 s left"), (300.0, "5 min left"), (7500.0, "2 h 05 min left")])
def test_time_left_is_counted_from_the_first_row_on(seconds: float, left: str) -> None:
    resumed: dict[str, float | int] = {"env_step": 2_000, "elapsed_s": 900.0}
    half_of_the_rest = {**rows(1)[0], "env_step": 6_000, "elapsed_s": 900.0 + seconds}
    assert left in shown(False, resumed, half_of_the_rest)


def test_a_run_without_any_row_is_shown_too() -> None:
    assert "the first episodes" in shown(True)
    assert shown(False) == "weights were uniform [negative rewards]\n"


def test_the_closing_table_has_the_last_and_the_best_evaluation() -> None:
    console = Console(file=io.StringIO(), width=60)
    some = [*rows(5), {**rows(6)[5], "test_battle_won_mean": 0.25}]
    del some[-1]["train_step"]
    console.print(closing_table(some))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    lines = [line.replace("│", " ").split() for line in text.splitlines()]
    assert ["win", "rate", "25.0%", "71.4%"] in lines
    assert ["env", "steps", "3,000", "2,500"] in lines
    assert ["training", "steps", "-", "50"] in lines


def test_the_closing_table_of_a_run_without_evaluation() -> None:
    console = Console(file=io.StringIO(), width=60)
    console.print(closing_table([]))
    assert isinstance(console.file, io.StringIO)
    assert "no evaluation yet" in console.file.getvalue()


def test_the_closing_table_of_several_seeds_has_their_mean_least_and_greatest() -> None:
    console = Console(file=io.StringIO(), width=120)
    short = [{key: value for key, value in rows(1)[0].items() if key != "train_step"}]
    console.print(closing_table_of_seeds({4: rows(2), 7: rows(6), 9: [], 11: short}))
    assert isinstance(console.file, io.StringIO)
    cells = [line.replace("│", " ").split() for line in console.file.getvalue().splitlines()]
    lines = {row[0]: row for row in cells}
    assert [lines[name][1] for name in ("4", "7", "11", "mean", "min", "max")] == [
        *("28.6%", "85.7%", "14.3%", "42.9%", "14.3%", "85.7%"),
    ]
    assert [lines[name][4:6] for name in ("7", "11", "mean", "min")] == [
        ["3,000", "60"],
        ["500", "-"],
        ["1,500", "40"],
        ["500", "20"],
    ]
    assert "9" not in lines
