"""The page's text: whole, alone, and safe whatever a run is called."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

from fedqmix.analysis.viewer import page
from fedqmix.envs.replays import Result
from support.shown_battles import OCCASION, short_battle

HOSTILE = "</script><script>alert(1)</script><!--<b>&amp;\u2028"


class Elements(HTMLParser):
    """Collects elements with their attributes, and the text of each script, style and title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and data.strip():
            self.texts.append((self.found[-1][0], data))

    def text_of(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


def test_the_page_loads_nothing() -> None:
    text = page(short_battle())
    elements = Elements(text)
    policy = next(at["content"] for _, at in elements.found if at.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    assert [at for _, at in elements.found if "src" in at] == []
    assert [at["href"] for _, at in elements.found if "href" in at] == ["data:,"]
    addresses = set(re.findall(r"\w+://[^\s\"']+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not an address to load


def test_the_page_holds_the_whole_replay() -> None:
    battle = short_battle()
    (values,) = [json.loads(text) for text in Elements(page(battle)).text_of("script") if text.startswith("{")]
    assert values["team_reward"] == battle.team_reward.tolist()
    assert values["x"] == battle.x.tolist()
    assert values["q_values"][0][0] == [None, 0.1, 0.2, 0.2, 0.3, -0.25, 1.5, None]
    assert values["explored"] == [[0, 0], [0, 0], [1, 0]]
    assert values["marks"] == {"marine": "M", "medivac": "Md", "stalker": "S"}
    assert values["action_names"][1][6] == "heal marine 0"


def test_no_name_can_break_out_of_its_place() -> None:
    battle = short_battle(occasion=replace(OCCASION, run=HOSTILE))
    plain, hostile = Elements(page(short_battle())), Elements(page(battle))
    assert hostile.found == plain.found  # not one element more
    (values,) = [json.loads(text) for text in hostile.text_of("script") if text.startswith("{")]
    assert values["occasion"]["run"] == HOSTILE


def test_the_title_says_map_and_result() -> None:
    assert Elements(page(short_battle())).text_of("title") == ["3m: lost in 3 steps"]
    assert Elements(page(short_battle(result=Result.WON))).text_of("title") == ["3m: won in 3 steps"]
    assert Elements(page(short_battle(result=Result.CUT_OFF))).text_of("title") == ["3m: cut off after 3 steps"]


def test_every_element_the_script_asks_for_is_there() -> None:
    text = page(short_battle())
    ids = {at["id"] for _, at in Elements(text).found if "id" in at}
    asked = set(re.findall(r'byId\("([^"]+)"\)', text)) | set(re.findall(r'getElementById\("([^"]+)"\)', text))
    assert asked
    assert asked <= ids
