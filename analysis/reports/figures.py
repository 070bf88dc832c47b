"""The figures of a report, drawn by matplotlib as SVG in the page's text colour."""

from __future__ import annotations

import io
import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from fedqmix.analysis.reports.curves import together
from fedqmix.analysis.reports.runs import OURS, Methods, Run
from fedqmix.analysis.reports.statistics import ENOUGH, Scores, interquartile_mean
from fedqmix.conf.schema import StrategyConfig
from fedqmix.runtime.core.world import Score
from fedqmix.server.records.scores import RETURN, RETURN_BEFORE, WON, WON_BEFORE

# Okabe & Ito's palette: distinct for colour-blind readers, on light and dark ground.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8c6d31", "#7f7f7f")
STRATEGIES: tuple[str, ...] = next(one.metadata["choices"] for one in fields(StrategyConfig) if one.name == "name")
STYLES = ("-", "--", ":", "-.")
_INK = "#010203"  # placeholder for the page's text colour
_WIDTH, _HEIGHT = 4.2, 3.1  # size of a panel in inches
_COLUMNS = 3
_STYLE: dict[str, Any] = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9} | dict.fromkeys(
    ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), _INK
)


Look = dict[str, Any]
"""The line style of a method, as matplotlib's keywords: label, color, linestyle."""


@dataclass(frozen=True)
class Figure:
    """A figure of a report.

    name: for links and files. svg: an svg element for use inside a page.
    """

    name: str
    title: str
    caption: str
    svg: str

    @property
    def file(self) -> str:
        """The figure as a separate SVG document on white ground."""
        inked = self.svg.replace("currentColor", "#1d2126")
        white = inked.replace('style="max-width', 'style="background: white; max-width', 1)
        return f'<?xml version="1.0" encoding="utf-8"?>\n{white}\n'


@dataclass(frozen=True)
class Axis:
    """The x- or y-axis of a curve."""

    label: str
    needed: tuple[str, ...]  # keys of a row
    of: Callable[[Run], Scores]  # the values of a run: [evaluations]


ENV_STEPS = Axis("environment steps (thousands)", ("env_step",), lambda run: run.column("env_step") / 1e3)
SENT = Axis(
    "parameters sent and received by all agents (MB)",
    ("fed/bytes_up", "fed/bytes_down"),
    lambda run: (run.column("fed/bytes_up") + run.column("fed/bytes_down")) / 1e6,
)
SECONDS = Axis("seconds of training", ("elapsed_s",), lambda run: run.column("elapsed_s"))
WIN_RATE = Axis("win rate", (WON,), lambda run: run.column(WON))
RETURNED = Axis("return", (RETURN,), lambda run: run.column(RETURN))
WON_LOST = Axis("win rate before minus after", (WON_BEFORE, WON), lambda run: run.column(WON_BEFORE) - run.column(WON))
RETURN_LOST = Axis(
    "return before minus after", (RETURN_BEFORE, RETURN), lambda run: run.column(RETURN_BEFORE) - run.column(RETURN)
)
LEADING = {Score.WIN_RATE: WIN_RATE, Score.RETURN: RETURNED}


def curves_figure(
    name: str,
    title: str,
    caption: str,
    methods: Methods,
    axis: Axis,
    value: Axis = WIN_RATE,
    columns: int = _COLUMNS,
) -> Figure | None:
    """Draw the curve of every method, one panel per map and algorithm.

    axis, value: the x- and y-axis. columns: the most panels side by side. Panels are in the order of the maps. Returns
    None when no run has the keys that the axes need.
    """
    looks = _looks(methods)
    panels: dict[str, dict[str, list[Run]]] = defaultdict(dict)
    for map_, by_name in methods.items():
        for method, runs in by_name.items():
            known = [run for run in runs if all(run.has(key) for key in (*axis.needed, *value.needed))]
            if known:
                panels[f"{map_}, {_base(known[0])}"][method] = known
    if not panels:
        return None

    def draw(axes: Axes, panel: str) -> None:
        for method, runs in panels[panel].items():
            _curves(axes, runs, axis, value, looks[method])
        axes.set(xlabel=axis.label, ylabel=value.label)
        axes.set_xlim(left=0)
        if value is WIN_RATE:
            axes.set_ylim(-0.03, 1.03)

    places = list(methods)
    ordered = sorted(panels, key=lambda panel: (places.index(panel.partition(", ")[0]), panel))
    return Figure(name, title, caption, _svg(name, ordered, draw, shared_legend=True, most=columns))


def metrics_figure(name: str, title: str, caption: str, methods: Methods, prefix: str, label: str) -> Figure | None:
    """Draw metrics over environment steps, one panel per map and method, one line per metric.

    prefix: of the metrics' keys. A thick line is the mean over the seeds, a thin line a seed. Returns None when no run
    has such a metric.
    """
    panels: dict[str, tuple[list[Run], list[str]]] = {}
    for map_, by_name in methods.items():
        for method, runs in by_name.items():
            keys = list(dict.fromkeys(key for run in runs for key in run.rows[-1] if key.startswith(prefix)))
            keys = [key for key in keys if all(run.has(key) for run in runs)]
            if keys:
                panels[f"{map_}: {method}"] = list(runs), keys
    if not panels:
        return None

    def draw(axes: Axes, panel: str) -> None:
        runs, keys = panels[panel]
        for position, key in enumerate(keys):
            _metric(axes, key, runs, key.removeprefix(prefix), COLOURS[position % len(COLOURS)], position)
        axes.set(xlabel=ENV_STEPS.label, ylabel=label)
        axes.set_ylim(bottom=0)

    return Figure(name, title, caption, _svg(name, list(panels), draw, shared_legend=False))


def _curves(axes: Axes, runs: Sequence[Run], axis: Axis, value: Axis, look: Look) -> None:
    spends = all(axis.of(run)[-1] > 0 for run in runs)
    curve = together(runs, value.of, axis.of) if len(runs) >= ENOUGH and spends else None
    if curve is not None:
        middle = curve.estimate()
        axes.plot(curve.places, middle.value, linewidth=1.7, **look)
        axes.fill_between(curve.places, middle.low, middle.high, color=look["color"], alpha=0.18, linewidth=0)
    elif spends:
        for number, run in enumerate(runs):
            marker = "o" if len(run.rows) < 3 else None
            shown = look if number == 0 else {**look, "label": "_"}
            axes.plot(axis.of(run), value.of(run), linewidth=1.0, marker=marker, markersize=3, **shown)
    else:  # the x-axis stays at 0, as for bytes without messages: a level line at the final value
        ends = np.array([value.of(run)[-1] for run in runs])
        axes.axhline(float(interquartile_mean([ends])), linewidth=1.0, **look)


def _metric(axes: Axes, key: str, runs: Sequence[Run], label: str, colour: str, position: int) -> None:
    look: dict[str, Any] = {"color": colour, "linestyle": STYLES[position // len(COLOURS) % len(STYLES)]}
    for run in runs:
        thin: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.45} if len(runs) > 1 else {"linewidth": 1.4}
        marker = "o" if len(run.rows) < 3 else None
        seed_label = label if len(runs) == 1 else "_"
        axes.plot(ENV_STEPS.of(run), run.column(key), label=seed_label, marker=marker, markersize=3, **thin, **look)
    curve = together(runs, lambda run: run.column(key), ENV_STEPS.of) if len(runs) > 1 else None
    if curve is not None:
        axes.plot(curve.places, curve.values.mean(0), label=label, linewidth=1.6, **look)


def _looks(methods: Methods) -> dict[str, Look]:
    """Return the line style by method: one colour per strategy, dashed lines for other programs."""
    firsts = {name: runs[0] for by_name in methods.values() for name, runs in by_name.items()}
    labels = {name: name.removeprefix(f"{run.algorithm}-") for name, run in firsts.items()}
    strategies = any(label in STRATEGIES and not firsts[name].method for name, label in labels.items())
    known = STRATEGIES if strategies else ()
    kinds = list(dict.fromkeys([*known, *labels.values()]))  # a strategy has the same colour in all reports
    looks: dict[str, Look] = {}
    for name, run in firsts.items():
        number = kinds.index(labels[name])
        style = STYLES[(number // len(COLOURS) + (run.source != OURS)) % len(STYLES)]
        looks[name] = {"label": labels[name], "color": COLOURS[number % len(COLOURS)], "linestyle": style}
    return looks


def _base(run: Run) -> str:
    """Return the common name of an algorithm: "qmix" for "QMIX", "qmix_ns" and "qmix-a_pps"."""
    found = re.match(r"[a-z]+", run.algorithm.lower())
    return found[0] if found else run.algorithm


def _svg(
    name: str, panels: Sequence[str], draw: Callable[[Axes, str], None], shared_legend: bool, most: int = _COLUMNS
) -> str:
    """Draw panels in a grid and return one svg element. most: the most panels side by side."""
    columns = 2 if len(panels) == 4 else min(most, len(panels))
    rows = math.ceil(len(panels) / columns)
    style: dict[Any, Any] = {**_STYLE, "svg.hashsalt": name}
    with matplotlib.rc_context(style):
        canvas = Canvas(figsize=(_WIDTH * columns, _HEIGHT * rows), layout="constrained")
        grid: list[Axes] = list(canvas.subplots(rows, columns, squeeze=False).ravel())
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid, panels, strict=False):
            draw(axes, panel)
            axes.set_title(panel, fontsize=10)
            axes.grid(color=_INK, alpha=0.12, linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
            if not shared_legend:
                axes.legend(frameon=False, fontsize=7, ncols=1 + len(axes.get_legend_handles_labels()[1]) // 6)
        if shared_legend:
            _legend(canvas, grid[: len(panels)])
        text = io.StringIO()
        canvas.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _element(name, text.getvalue(), columns)


def _legend(canvas: Canvas, panels: Sequence[Axes]) -> None:
    """Draw one legend for all panels below them."""
    handles: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    columns = min(len(handles), 2 * len(panels), 5)
    canvas.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=columns, frameon=False)


def _short(path: str) -> str:
    """Round a path's coordinates to a hundredth of a point and join its lines."""
    return " ".join(re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}", path).split())


def _element(name: str, document: str, columns: int) -> str:
    """Extract the svg element, with unique ids, a maximal width, and the page's text colour."""
    svg = document[document.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)  # it would apply to the whole page
    svg = re.sub(r"\bd=\"([^\"]*)\"", lambda path: f'd="{_short(path[1])}"', svg)
    svg = svg.replace("<svg ", f'<svg style="max-width: {26 * columns}rem" ', 1)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    return re.sub(r">\s+<", "><", svg).replace(_INK, "currentColor")
