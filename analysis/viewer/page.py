"""A replay as one self-contained HTML file."""

from __future__ import annotations

import html
import json
from importlib import resources
from string import Template

from fedqmix.analysis.viewer import wording
from fedqmix.envs.replays import Replay, names_of_actions
from fedqmix.envs.replays.drawing import marks
from fedqmix.envs.replays.file import document

SCRIPTS = ("replay.js", "items.js", "ground.js", "units.js", "panel.js", "legend.js", "chart.js", "playback.js")
"""The parts of one script, in order: each uses definitions of the parts before it."""


def page(replay: Replay) -> str:
    """Return the page that plays an episode, with markup, style, script and replay in one text."""
    values = document(replay)
    values["action_names"] = names_of_actions(replay)
    values["marks"] = marks(unit.type for unit in replay.units)
    values["noun"] = wording.noun(replay)
    texts = {
        "noun": wording.noun(replay),
        "title": f"{replay.map}: {wording.result(replay)}",
        "map": replay.map,
        "result": wording.result(replay),
        "result_class": replay.result.replace(" ", "-"),
        "occasion": wording.occasion(replay),
    }
    return Template(_part("page.html")).substitute(
        {name: html.escape(text) for name, text in texts.items()},
        style=_part("style.css"),
        script="\n".join(_part(name) for name in SCRIPTS),
        replay=_embedded(values),
    )


def _embedded(values: dict[str, object]) -> str:
    """Return JSON for a script element; no text in it ends the element or begins a comment."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _part(name: str) -> str:
    return resources.files("fedqmix.analysis.viewer").joinpath("template", name).read_text(encoding="utf-8")
