"""The figures of `fedqmix bench attacks` as a Markdown table and a self-explanatory SVG.

Figures without a "score" are win rates.
"""

from __future__ import annotations

import html
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fedqmix.analysis.reports.statistics import ENOUGH

SAYS = {
    "honest": ("honest", "sends what it learned"),
    "sign_flip": ("opposite", "sends the opposite of what it learned"),
    "times_100": ("times 100", "sends 100 times what it learned"),
    "noise": ("noise", "sends random numbers of the usual size"),
    "stale": ("nothing", "sends back what it was sent"),
    "reward_lie": ("reward lie", "reports 1000 times its return"),
}
"""Attack -> its short name, and the dishonest agent's behaviour."""
HOW = {
    "a_pps": "plain average",
    "a_pps_checked": "average, updates checked",
    "rs_pps": "average by reward",
    "rs_pps_clipped": "by reward, updates clipped",
    "norm_clip": "average, updates clipped",
    "median": "median",
    "trimmed_mean": "trimmed mean",
    "krum": "Krum",
    "bulyan": "Bulyan",
}
"""Aggregation -> a short description."""
_LOW, _MIDDLE, _HIGH = (213, 94, 0), (247, 247, 247), (0, 114, 178)  # Okabe & Ito: vermillion, blue
_LEFT, _TOP, _WIDE, _TALL = 250, 118, 122, 60  # pixels: width of row names, height of heads, width and height of a cell
_INK = "#1d2126"


def table(figures: dict[str, Any]) -> str:
    """Return a Markdown table with a row per attack and a column per aggregation."""
    results = figures["results"]
    lines = [
        "| the dishonest agent | " + " | ".join(f"`{name}`" for name in results) + " |",
        "| --- |" + " --- |" * len(results),
    ]
    for attack in next(iter(results.values())):
        cells = " | ".join(" ".join(_texts(by_attack[attack], _name(figures))) for by_attack in results.values())
        lines.append(f"| `{attack}`: {SAYS[attack][1]} | {cells} |")
    return "\n".join(lines)


def picture(figures: dict[str, Any]) -> str:
    """Return an SVG with a coloured cell, score and interval, per attack and aggregation."""
    results, name = figures["results"], _name(figures)
    ends = _ends(figures)
    attacks = list(next(iter(results.values())))
    width = max(_LEFT + _WIDE * len(results) + 20, 760)
    height = _TOP + _TALL * len(attacks) + 78
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" fill="{_INK}">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(16, 28, _title(figures), size=16, bold=True),
        _text(16, 48, _about(figures)),
        _text(16, _TOP - 10, "the dishonest agent ..."),
    ]
    for column, aggregation in enumerate(results):
        middle = _LEFT + _WIDE * (column + 0.5)
        for line, words in enumerate(_broken(HOW[aggregation])):
            parts.append(_text(middle, _TOP - 40 + 15 * line, words, bold=True, anchor="middle"))
        parts.append(_text(middle, _TOP - 8, aggregation, size=10, anchor="middle"))
    for row, attack in enumerate(attacks):
        top = _TOP + _TALL * row
        parts += [_text(16, top + 27, SAYS[attack][0], bold=True), _text(16, top + 43, SAYS[attack][1], size=11)]
        for column, by_attack in enumerate(results.values()):
            parts += _cell(_LEFT + _WIDE * column, top, by_attack[attack], name, ends)
    parts += [*_legend(_TOP + _TALL * len(attacks) + 22, name, ends), "</svg>"]
    return "\n".join(parts) + "\n"


def _name(figures: dict[str, Any]) -> str:
    """Return the name of the score in a cell: "won" or "return"."""
    return "return" if figures.get("score") == "return" else "won"


def _ends(figures: dict[str, Any]) -> tuple[float, float]:
    """Return the least and greatest score of the colours: 0 and 1, or the range of the returns."""
    name = _name(figures)
    cells = [cell for by_attack in figures["results"].values() for cell in by_attack.values() if name in cell]
    values = [cell[name]["value"] for cell in cells]
    return (min(values), max(values)) if name == "return" and values else (0.0, 1.0)


def _title(figures: dict[str, Any]) -> str:
    what = "how often the team still wins" if _name(figures) == "won" else "the return that the team still gets"
    return f"One dishonest agent of {figures['agents']}: {what} on {figures['map']}"


def _about(figures: dict[str, Any]) -> str:
    seeds = len(figures["seeds"])
    middle = "interquartile mean [95 % interval]" if seeds >= ENOUGH else "mean (least to greatest)"
    of = f"{middle} of {seeds} seeds" if seeds > 1 else "one seed"
    steps, last = figures["env_steps"], figures["evaluations_scored"]
    score = "Win rate" if _name(figures) == "won" else "Return"
    return f"{score} after {steps:,} environment steps, mean of the last {last} evaluations; {of}."


def _texts(cell: dict[str, Any], name: str) -> list[str]:
    """Return a cell's lines: win rate in percent or return, interval, and number of stopped runs."""
    lines = []
    runs = len(cell["seeds"])
    if name in cell:
        value, low, high = (_shown(cell[name][one], name) for one in ("value", "low", "high"))
        ends = f"[{low}, {high}]" if runs - cell["stopped"] >= ENOUGH else f"({low} to {high})"
        unit = " %" if name == "won" else ""
        lines += [f"{value}{unit}"] if runs == 1 else [f"{value}{unit}", ends]
    if cell["stopped"]:
        lines.append(f"{cell['stopped']} of {runs} stopped")
    return lines or ["no evaluation"]


def _shown(value: float, name: str) -> str:
    return f"{100 * value:.0f}" if name == "won" else f"{value:.4g}"


def _cell(left: float, top: float, cell: dict[str, Any], name: str, ends: tuple[float, float]) -> list[str]:
    value = cell[name]["value"] if name in cell else None
    low, high = ends
    colour = (225, 225, 225) if value is None else _colour((value - low) / (high - low) if high > low else 1.0)
    light = sum(share * part for share, part in zip((0.299, 0.587, 0.114), colour, strict=True)) > 140
    lines, ink = _texts(cell, name), _INK if light else "white"
    x, y, wide, tall = left + 1, top + 1, _WIDE - 2, _TALL - 2
    parts = [f'<rect x="{x:g}" y="{y:g}" width="{wide}" height="{tall}" rx="3" fill="rgb{colour}"/>']
    for number, words in enumerate(lines):
        large = number == 0 and value is not None
        height = top + _TALL / 2 + 5 + 16 * (number - (len(lines) - 1) / 2)
        parts.append(_text(left + _WIDE / 2, height, words, 15 if large else 11, large, ink, "middle"))
    return parts


def _legend(top: float, name: str, ends: tuple[float, float]) -> list[str]:
    worst, best = ("never wins", "always wins") if name == "won" else (f"return {one:.4g}" for one in ends)
    steps = [number / 20 for number in range(21)]
    boxes = [
        f'<rect x="{_LEFT + 14 * number}" y="{top}" width="14" height="12" fill="rgb{_colour(value)}"/>'
        for number, value in enumerate(steps)
    ]
    end = _LEFT + 14 * len(steps)
    return [
        *boxes,
        _text(_LEFT - 8, top + 11, worst, anchor="end"),
        _text(end + 8, top + 11, best),
        _text(16, top + 40, "Grey: all runs were stopped, by an error that names the fault.", size=11),
    ]


def _colour(value: float) -> tuple[int, ...]:
    """Return a share's colour: vermillion at 0, blue at 1."""
    begin, end, share = (_LOW, _MIDDLE, 2 * value) if value < 0.5 else (_MIDDLE, _HIGH, 2 * value - 1)
    return tuple(round(one + share * (other - one)) for one, other in zip(begin, end, strict=True))


def _text(
    x: float, y: float, words: str, size: int = 12, bold: bool = False, ink: str = _INK, anchor: str = "start"
) -> str:
    look = f'font-size="{size}" text-anchor="{anchor}" fill="{ink}"' + (' font-weight="bold"' if bold else "")
    return f'<text x="{x:g}" y="{y:g}" {look}>{html.escape(words)}</text>'


def _broken(words: str) -> list[str]:
    """Break a long column name into two lines, at its comma or its last space."""
    if len(words) <= 16:
        return ["", words]
    first, separator, second = words.rpartition(", " if ", " in words else " ")
    return [first + separator.strip(), second]


def main(words: Sequence[str]) -> int:
    """Print a file of figures as a table or as an image. Returns the exit status."""
    if len(words) != 2 or words[0] not in ("table", "picture"):
        print(
            "python -m fedqmix.analysis.benchmarks.attack_table table FILE.json, or picture FILE.json", file=sys.stderr
        )
        return 2
    figures = json.loads(Path(words[1]).read_text(encoding="utf-8"))
    print(table(figures) + "\n" if words[0] == "table" else picture(figures), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
