"""A real Chromium without a window, and a page in it that is watched for errors and requests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REQUIRED = "FEDQMIX_NEEDS_BROWSER"
"""Environment variable: when it is set, a missing browser is a failure (as in .ci/run and `make test-all`)."""
QUIET = ("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium, or Playwright's own; skip the test, or fail it, where there is none."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    args = [*QUIET, "--disable-gpu"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        args.append("--no-sandbox")  # Chromium refuses to be started by root without it
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=found, args=args)
        except Error as error:
            _missing(str(error))
        yield browser
        browser.close()


def _missing(reason: str) -> None:
    advice = "no Chromium could be started: apt-get install chromium, or: playwright install chromium"
    if os.environ.get(REQUIRED):
        pytest.fail(f"{advice}\n{reason}")
    pytest.skip(advice)


class WatchedPage:
    """A page from a file; what it logged, which errors it threw and what it asked the network for."""

    def __init__(self, browser: Browser, file: Path, width: int = 1200, scheme: str = "light") -> None:
        self.page: Page = browser.new_page(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
        )
        self.address = file.resolve().as_uri()
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(self.address)

    def picture(self) -> bytes:
        """Return the canvas as a PNG."""
        return self.page.locator("#battle").screenshot()

    def colours(self) -> int:
        """Count the colours of the canvas."""
        return int(
            self.page.evaluate(
                """() => {
                    const canvas = document.getElementById("battle");
                    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                    return new Set(new Uint32Array(data.buffer)).size;
                }"""
            )
        )

    def scrub(self, time: float) -> None:
        """Move the slider as a hand would, to a step."""
        self.page.locator("#scrub").fill(str(time))

    def clock(self) -> str:
        return self.page.locator("#clock").inner_text()

    def q_rows(self) -> list[str]:
        return self.page.locator("#q-values li").evaluate_all("rows => rows.map(row => row.ariaLabel)")

    def assert_quiet(self) -> None:
        """Nothing was logged or thrown, and nothing was asked for but the page itself."""
        assert self.messages == []
        assert self.requests == [self.address]
