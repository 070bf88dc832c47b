"""The report in a real browser: every figure is drawn, nothing is loaded or logged, and the numbers are the runs'."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from fedqmix.analysis.reports.runs import BEST, FINAL
from fedqmix.runtime.runs.reporting.playing_again import EVALUATION
from fedqmix.runtime.runs.reporting.reading import read_run
from fedqmix.server.records import read_rows
from support.browser import WatchedPage, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def test_the_page_in_a_browser(browser: Browser, reported: Path) -> None:
    """Nothing is loaded or logged, and each figure has lines one can see, in light and dark, wide and narrow."""
    for scheme, width in (("light", 1200), ("dark", 500)):
        shown = WatchedPage(browser, reported / "report.html", width, scheme)
        page = shown.page
        figures = page.locator("figure").evaluate_all("all => all.map(one => one.id)")
        assert figures == [
            f"figure-{name}" for name in ("curves", "returns", "bytes", "seconds", "weights", "distances")
        ]
        for name in figures:
            svg = page.locator(f"#{name} svg")
            box = svg.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) > 150
            lines = svg.evaluate("svg => [...svg.querySelectorAll('path')].filter(p => p.getTotalLength() > 0).length")
            assert lines > 20
            picture = Image.open(io.BytesIO(svg.screenshot())).convert("RGB")
            common = [colour for count, colour in picture.getcolors(1 << 24) if count > 20]
            coloured = [colour for colour in common if max(colour) - min(colour) > 60]
            assert coloured, f"{name} shows axes only"
            assert page.locator(f"#{name} figcaption").inner_text().count("fedqmix report") == 1
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
        assert len(ids) == len(set(ids))
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        shown.assert_quiet()
        page.close()


def test_the_numbers_are_those_of_the_runs(browser: Browser, trained: Path, reported: Path) -> None:
    """What the page embeds is metrics.jsonl to the bit, and the tables show it."""
    shown = WatchedPage(browser, reported / "report.html")
    data = json.loads(shown.page.locator("#data").text_content() or "")
    assert {one["run"]: one["rows"] for one in data} == {
        str(trained / strategy): read_rows(trained / strategy / "metrics.jsonl") for strategy in ("pp_pps", "rs_pps")
    }
    table = shown.page.locator("#runs tbody tr")
    cells = table.evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.innerText))")
    markdown = (reported / "report.md").read_text()
    for row in cells:
        run = read_run(Path(row[0]))
        kept = json.loads((Path(row[0]) / EVALUATION).read_text())
        assert row[5] == f"{run.rows[-1]['env_step']:,}"
        assert row[6:8] == [f"{run.logged(FINAL):.3f}", f"{run.logged(BEST):.3f}"]
        assert [cell.split()[0] for cell in row[8:]] == [
            f"{kept[which]['result']['won'] / kept[which]['result']['episodes']:.3f}" for which in (FINAL, BEST)
        ]
        assert "| " + " | ".join(row) + " |" in markdown
    shown.assert_quiet()
    shown.page.close()
