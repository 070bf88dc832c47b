"""The pages of worlds that are not battles, in a real browser: they are drawn, step, and name what they show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from fedqmix.analysis.viewer import page
from fedqmix.envs.replays import names_of_actions
from support.browser import WatchedPage, chromium
from support.shown_scenes import SHOWS, shown


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(params=SHOWS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opened(name: str, browser: Browser, tmp_path: Path) -> Iterator[WatchedPage]:
    """The page, watched: after every test nothing was logged and no request has left."""
    file = tmp_path / "page.html"
    file.write_text(page(shown(name)), encoding="utf-8")
    watched = WatchedPage(browser, file)
    yield watched
    watched.assert_quiet()
    watched.page.close()


LEGENDS = {
    "bps": ("agents of group 0", "agents of group 2", "landmark", "way of the last 8 steps", "explored"),
    "lbf": ("agent, with its level", "food, with its level", "explored"),
    "predator_prey": ("agent, with its number", "prey", "explored"),
    "rware": ("robot, with its number", "the tip shows where it faces", "requested shelf", "place of a shelf", "goal"),
    "c-rware": ("agents of colour 0", "agents of colour 1", "requested shelf, for agents of that colour", "goal"),
}
LABELS = {
    "bps": "The episode at step 0: 15 agents, 3 landmarks.",
    "lbf": "The episode at step 0: 2 agents, 3 foods.",
    "predator_prey": "The episode at step 0: 4 agents, 3 prey.",
    "rware": "The episode at step 0: 2 agents, 2 goals, 32 homes, 32 shelves.",
    "c-rware": "The episode at step 0: 4 agents, 2 goals, 32 homes, 32 shelves.",
}


def test_it_renders(name: str, opened: WatchedPage) -> None:
    replay = shown(name)
    assert opened.colours() > 20
    assert opened.clock() == f"0 / {replay.steps}"
    expect(opened.page.locator("#agents button")).to_have_count(replay.n_agents)
    expect(opened.page.locator("#result")).to_contain_text(f"return {replay.team_return:.2f} in {replay.steps} steps")
    expect(opened.page.locator("#occasion")).to_contain_text("varied-evaluation episode 0")
    expect(opened.page.locator("#battle")).to_have_attribute("aria-label", LABELS[name])
    legend = opened.page.locator("#legend").inner_text()
    assert [text for text in LEGENDS[name] if text not in legend] == []
    words = opened.page.locator("body").inner_text().lower()
    assert not any(word in words for word in ("battle", "health", "enem", "attack", "fallen"))


def test_steps_change_the_picture_and_the_panel_names_the_action(name: str, opened: WatchedPage) -> None:
    replay, agent = shown(name), 1
    names = names_of_actions(replay)[agent]
    opened.page.locator("#agents button").nth(agent).click()
    pictures = []
    for step in range(min(6, replay.steps)):
        pictures.append(opened.picture())
        action = names[replay.actions[step, agent]]
        expect(opened.page.locator("#choice")).to_contain_text(f"Step {step}: {action}, ")
        chosen = [row for row in opened.q_rows() if row.endswith(", chosen")]
        explored = replay.explored[step, agent]
        assert chosen == [f"{action}: {0.5 if explored else 1.5:.3f}, chosen"]
        assert ("explored" in opened.page.locator("#choice").inner_text()) == explored
        opened.page.keyboard.press("ArrowRight")
    moved = (replay.x[:6] != replay.x[1:7]).any(1) | (replay.y[:6] != replay.y[1:7]).any(1)
    assert len(set(pictures)) > moved[: len(pictures) - 1].sum()
    opened.page.keyboard.press("End")
    expect(opened.page.locator("#choice")).to_have_text("The episode is over.")
    own = replay.individual_rewards.sum(0)
    rewards = opened.page.locator("#agents .left").all_inner_texts()
    assert [float(text.replace("\u2212", "-")) for text in rewards] == pytest.approx(own.tolist(), abs=0.0051)


def test_an_agent_is_picked_on_the_field(name: str, opened: WatchedPage) -> None:
    """A click where the record has the agent picks it, so positions are drawn where they are."""
    replay = shown(name)
    agent = replay.n_agents - 1  # it is drawn last, above all others
    at = opened.page.evaluate("([x, y]) => [x, y]", [float(replay.x[0, agent]), float(replay.y[0, agent])])
    box = opened.page.locator("#battle").bounding_box()
    assert box is not None
    left, right, bottom, top = shown_part(name)
    scale = min(box["width"] / (right - left), box["height"] / (top - bottom))
    opened.page.locator("#battle").click(
        position={
            "x": box["width"] / 2 + (at[0] - (left + right) / 2) * scale,
            "y": box["height"] / 2 - (at[1] - (bottom + top) / 2) * scale,
        }
    )
    expect(opened.page.locator("#picked")).to_have_text(f"Agent {agent}, {replay.units[agent].type}")


def shown_part(name: str) -> tuple[float, float, float, float]:
    """The bounds of what the page shows: a grid with a border, or particles and landmarks with a margin."""
    replay = shown(name)
    if name != "bps":
        columns, rows = replay.walkable.shape
        return -0.25, columns + 0.25, -0.25, rows + 0.25
    x, y = (
        [*positions.ravel(), *items.ravel()]
        for positions, items in ((replay.x, replay.scenery.item_x), (replay.y, replay.scenery.item_y))
    )
    return min(x) - 0.5, max(x) + 0.5, min(y) - 0.5, max(y) + 0.5


def test_a_food_vanishes_when_it_is_eaten(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(shown("lbf")), encoding="utf-8")
    watched = WatchedPage(browser, file)
    left = (shown("lbf").scenery.item_state > 0).sum(1)
    for moment, count in enumerate(left):
        watched.scrub(moment)
        foods = "1 food" if count == 1 else f"{count} foods"
        label = f"The episode at step {moment}: 2 agents, {foods}."
        expect(watched.page.locator("#battle")).to_have_attribute("aria-label", label)
    assert left[-1] == 0
    watched.assert_quiet()
    watched.page.close()


def test_it_is_drawn_in_the_dark(name: str, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(shown(name)), encoding="utf-8")
    light, dark = (WatchedPage(browser, file, width=400, scheme=scheme) for scheme in ("light", "dark"))
    assert light.picture() != dark.picture()
    assert dark.colours() > 20
    for watched in (light, dark):
        width = watched.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert width[0] <= width[1]  # nothing sticks out
        watched.assert_quiet()
        watched.page.close()
