"""The page in a real browser: it renders, plays, scrubs, answers mouse and keyboard, and stays alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from fedqmix.analysis.viewer import page
from support.browser import WatchedPage, chromium
from support.shown_battles import short_battle


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Iterator[WatchedPage]:
    """The short battle, watched: after every test nothing was logged and no request has left."""
    file = tmp_path / "page.html"
    file.write_text(page(short_battle()), encoding="utf-8")
    watched = WatchedPage(browser, file)
    yield watched
    watched.assert_quiet()
    watched.page.close()


def test_it_renders(shown: WatchedPage) -> None:
    expect(shown.page).to_have_title("3m: lost in 3 steps")
    expect(shown.page.locator("#result")).to_have_text("lost in 3 steps")
    assert shown.colours() > 20  # ground, walls, both sides, bars, letters, all with soft edges
    assert shown.clock() == "0 / 3"
    expect(shown.page.locator("#agents button")).to_have_count(2)
    legend = shown.page.locator("#legend").inner_text()
    assert all(word in legend for word in ("marine", "medivac", "stalker", "heal"))


def test_playing_advances_to_the_end_and_begins_again(shown: WatchedPage) -> None:
    before = shown.picture()
    shown.page.locator("#speed").select_option("8")
    shown.page.get_by_role("button", name="Play").click()
    expect(shown.page.locator("#clock")).to_have_text("3 / 3")
    expect(shown.page.get_by_role("button", name="Play")).to_be_visible()  # it has stopped by itself
    assert float(shown.page.locator("#scrub").input_value()) == 3
    assert shown.picture() != before
    shown.page.locator("#speed").select_option("0.25")
    shown.page.get_by_role("button", name="Play").click()
    shown.page.wait_for_function("Number(document.getElementById('scrub').value) > 0")
    shown.page.get_by_role("button", name="Pause").click()
    assert 0 < float(shown.page.locator("#scrub").input_value()) < 3


def test_scrubbing_changes_the_picture(shown: WatchedPage) -> None:
    pictures = []
    for time in (0, 1, 1.5, 3):
        shown.scrub(time)
        pictures.append(shown.picture())
    assert len(set(pictures)) == 4
    shown.scrub(0)
    assert shown.picture() == pictures[0]
    shown.scrub(1)
    expect(shown.page.locator("#reward-now")).to_have_text("0.50 after step 1")


def test_steps_are_taken_with_buttons_and_keys(shown: WatchedPage) -> None:
    clocks = []
    shown.page.get_by_role("button", name="One step forwards").click()
    clocks.append(shown.clock())
    for key in ("ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowLeft"):
        shown.page.keyboard.press(key)
        clocks.append(shown.clock())
    shown.scrub(2)
    shown.page.get_by_role("button", name="One step back").click()
    clocks.append(shown.clock())
    assert [clock[0] for clock in clocks] == ["1", "2", "1", "3", "3", "0", "0", "1"]
    shown.page.locator("#scrub").focus()
    shown.page.keyboard.press(" ")
    expect(shown.page.get_by_role("button", name="Pause")).to_be_visible()
    shown.page.keyboard.press(" ")
    expect(shown.page.get_by_role("button", name="Play")).to_be_visible()
    shown.page.keyboard.press("ArrowUp")
    expect(shown.page.locator("#speed")).to_have_value("2")


def test_a_picked_agent_shows_its_q_values(shown: WatchedPage) -> None:
    shown.page.locator("#agents button").nth(0).click()
    assert shown.q_rows() == [
        "no-op: not available",
        "stop: 0.100",
        "move north: 0.200",
        "move south: 0.200",
        "move east: 0.300",
        "move west: −0.250",
        "attack stalker 0: 1.500, chosen",
        "action 7: not available",
    ]
    expect(shown.page.locator("#choice")).to_contain_text("attack stalker 0, greedy")
    widths = shown.page.locator("#q-values .bar").evaluate_all("bars => bars.map(bar => parseFloat(bar.style.width))")
    assert widths == pytest.approx([4 + 96 * (q + 0.25) / 1.75 for q in (0.1, 0.2, 0.2, 0.3, -0.25, 1.5)], abs=0.01)
    shown.scrub(2)
    expect(shown.page.locator("#choice")).to_contain_text("move west, explored")
    expect(shown.page.locator("#agents button").nth(0)).to_contain_text("marine: move west, explored")
    shown.scrub(3)
    expect(shown.page.locator("#choice")).to_have_text("The battle is over; this agent is dead.")
    assert shown.q_rows() == []


def test_an_agent_is_picked_on_the_field(shown: WatchedPage) -> None:
    canvas = shown.page.locator("#battle")
    at = shown.page.evaluate(  # the medivac stands at (2, 4); the field shows 0..15 across and 1..8.25 up
        """() => {
            const box = document.getElementById("battle").getBoundingClientRect();
            const scale = Math.min(box.width / 15, box.height / 8);
            return {x: box.width / 2 + (2 - 7.5) * scale, y: box.height / 2 - (4 - 5) * scale};
        }"""
    )
    canvas.click(position=at)
    expect(shown.page.locator("#picked")).to_have_text("Agent 1, medivac")
    expect(shown.page.locator("#agents button").nth(1)).to_have_attribute("aria-pressed", "true")
    shown.scrub(1)
    expect(shown.page.locator("#choice")).to_contain_text("heal marine 0, greedy")


def test_the_chart_seeks(shown: WatchedPage) -> None:
    box = shown.page.locator("#chart").bounding_box()
    assert box is not None
    shown.page.locator("#chart").click(position={"x": box["width"] * 2 / 3, "y": box["height"] / 2})
    assert shown.clock() == "2 / 3"
    expect(shown.page.locator("#chart rect")).to_have_count(2)
    expect(shown.page.locator("#chart rect.negative")).to_have_count(1)


def test_the_canvas_tells_who_stands(shown: WatchedPage) -> None:
    label = shown.page.locator("#battle")
    expect(label).to_have_attribute("aria-label", "The battle at step 0: 2 of 2 agents and 1 of 1 enemies stand.")
    shown.page.keyboard.press("End")
    expect(label).to_have_attribute("aria-label", "The battle at step 3: 1 of 2 agents and 1 of 1 enemies stand.")


def test_it_fits_a_small_screen_and_the_dark(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(short_battle()), encoding="utf-8")
    narrow = WatchedPage(browser, file, width=400, scheme="dark")
    wide = WatchedPage(browser, file, width=1200, scheme="light")
    for shown in (narrow, wide):
        root = shown.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert root[0] <= root[1]  # nothing sticks out
    background = "getComputedStyle(document.body).backgroundColor"
    assert narrow.page.evaluate(background) != wide.page.evaluate(background)
    before = wide.page.locator("#battle").bounding_box()
    wide.page.set_viewport_size({"width": 700, "height": 900})
    wide.page.wait_for_function("document.getElementById('battle').getBoundingClientRect().width < 700")
    after = wide.page.locator("#battle").bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] != before["width"]
    assert wide.colours() > 20
    for shown in (narrow, wide):
        shown.assert_quiet()
        shown.page.close()


def test_the_policy_lets_nothing_out(browser: Browser, tmp_path: Path) -> None:
    """Even a script in the page that tries cannot load anything."""
    file = tmp_path / "page.html"
    attempt = """<script>
        window.refused = [];
        document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
        new Image().src = "http://127.0.0.1:9/a.png";
        fetch("http://127.0.0.1:9/b").catch(() => 0);
    </script>"""
    file.write_text(page(short_battle()).replace("</body>", f"{attempt}</body>"), encoding="utf-8")
    shown = WatchedPage(browser, file)
    shown.page.wait_for_function("refused.length >= 2")
    assert sorted(shown.page.evaluate("refused")) == ["connect-src", "img-src"]
    shown.page.close()
