"""Checks of optional features: browser, video, loggers, other libraries, and StarCraft II."""

from __future__ import annotations

import os
import sys
import webbrowser

from fedqmix.envs.smac.requirements import findings
from fedqmix.runtime.core.finding import Finding
from fedqmix.runtime.diagnosis.section import Section, extra


def watching() -> Section:
    """Check the optional features of `fedqmix watch`."""
    film = extra("ffmpeg", "imageio_ffmpeg", "video", "--mp4")
    return Section("Watching battles (fedqmix watch)", [_browser(), film])


def logging() -> Section:
    """Check the loggers that logger= offers beside jsonl."""
    findings = [
        extra("TensorBoard", "tensorboard", "tensorboard", "logger=tensorboard"),
        extra("Weights & Biases", "wandb", "wandb", "logger=wandb"),
    ]
    return Section("Loggers (logger=)", findings)


def libraries() -> Section:
    """Check the packages with which other libraries use the same worlds."""
    return Section(
        "Other libraries",
        [extra("PettingZoo", "pettingzoo", "pettingzoo", "env=pettingzoo and fedqmix.envs.pettingzoo.parallel_env")],
    )


def starcraft(map: str | None) -> Section:
    """Check the requirements of env=smac. map: the map whose file is needed.

    None for all of SMAC's.
    """
    title = f"The real StarCraft II (env=smac{f' map={map}' if map else ''})"
    return Section(title, findings(map))


def has_display() -> bool:
    """Return whether a browser can be opened on this machine."""
    windowed = sys.platform in ("darwin", "win32")
    return windowed or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _browser() -> Finding:
    if not has_display():
        remedy = "fedqmix watch RUN --html FILE    # and open the file on a machine with a display"
        return Finding("browser", False, "no display", remedy)
    try:
        return Finding("browser", True, type(webbrowser.get()).__name__)
    except webbrowser.Error as error:
        return Finding("browser", False, str(error), "export BROWSER=/path/to/a/browser")
