"""Learning curves and a table from run folders: `python -m benchmarks.curves PICTURE.png RUN...`.

The table says, per run, when an evaluation first won 90 % (environment steps and seconds of training) and how it ended.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from server.records import Row, read_rows


def main(words: list[str]) -> int:
    """Draw the picture and print the table as Markdown."""
    picture, *folders = (Path(word) for word in words)
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in folders]
    runs = [(summary, read_rows(folder / "metrics.jsonl")) for summary, folder in zip(summaries, folders, strict=True)]
    print(table(summaries))
    draw(runs).savefig(picture, dpi=120, bbox_inches="tight")
    return 0


def table(summaries: list[dict[str, Any]]) -> str:
    """Return a Markdown table, one row per run."""
    lines = [
        "| map | strategy | seed | env steps to 0.9 | seconds to 0.9 | env steps in all | final won | best won |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for summary in sorted(summaries, key=lambda one: (one["map"], one["strategy"], one["seed"])):
        reached, final, best = summary["first_won_0.9"], summary["final"], summary["best"]
        steps, seconds = (f"{reached['env_step']:,}", f"{reached['elapsed_s']:.0f}") if reached else ("not", "not")
        won = "test_battle_won_mean"
        lines.append(
            f"| {summary['map']} | {summary['strategy']} | {summary['seed']} | {steps} | {seconds} "
            f"| {final['env_step']:,} | {final[won]:.2f} | {best[won]:.2f} |"
        )
    return "\n".join(lines)


def draw(runs: list[tuple[dict[str, Any], list[Row]]]) -> Figure:
    """Draw the win rate against environment steps, one panel per map and strategy, one line per seed."""
    panels: dict[str, list[tuple[int, list[Row]]]] = defaultdict(list)
    for summary, rows in runs:
        panels[f"{summary['map']}, {summary['strategy']}"].append((summary["seed"], rows))
    figure = Figure(figsize=(3.2 * len(panels), 2.8))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (title, seeds) in zip(axes, sorted(panels.items()), strict=True):
        for seed, rows in sorted(seeds, key=lambda one: one[0]):
            steps = [row["env_step"] / 1000 for row in rows]
            axis.plot(steps, [row["test_battle_won_mean"] for row in rows], label=f"seed {seed}", linewidth=1.2)
        axis.axhline(0.9, color="grey", linewidth=0.7, linestyle=":")
        axis.set(title=title, xlabel="env steps (thousands)", ylim=(-0.02, 1.02))
        axis.grid(alpha=0.2)
    axes[0].set_ylabel("evaluation win rate")
    axes[0].legend(frameon=False, fontsize=8)
    summary = runs[0][0]
    figure.suptitle(f"{summary['env']}, {summary['algorithm']}", y=1.02)
    return figure


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
