"""The texts and unit marks shared by page and frames."""

from __future__ import annotations

from collections.abc import Iterable

from fedqmix.envs.replays import Replay, Result

MARKS = {
    "marine": "M",
    "marauder": "Mr",
    "medivac": "Md",
    "stalker": "S",
    "zealot": "Z",
    "colossus": "C",
    "zergling": "Zl",
    "baneling": "B",
    "hydralisk": "H",
    "spine_crawler": "Sp",
}


def marks(types: Iterable[str]) -> dict[str, str]:
    """Return the mark on a unit's disc by unit type; an unknown type gets its first two letters."""
    return {type_: MARKS.get(type_, type_[:2].capitalize()) for type_ in types}


def result(replay: Replay) -> str:
    """Return a text about the battle's end: "won in 27 steps"."""
    count = f"{replay.steps} step{'s' if replay.steps != 1 else ''}"
    return f"cut off after {count}" if replay.result is Result.CUT_OFF else f"{replay.result} in {count}"


def occasion(replay: Replay) -> str:
    """Return the battle's run, round, environment step, purpose, number and seed as text."""
    about = replay.occasion
    exploring = f"exploring {about.epsilon:.0%}" if about.epsilon > 0 else "greedy"
    return (
        f"{about.run} · round {about.round:,} · environment step {about.env_step:,} · "
        f"{about.purpose} battle {about.episode:,} · seed {about.seed} · {exploring}"
    )
