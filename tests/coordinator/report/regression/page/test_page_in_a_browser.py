"""The page of numbers in a real headless Chromium, on a phone and on a desktop, in light and in dark."""

from pathlib import Path
from typing import Any

import pytest

from deepchord.coordinator.report.regression.page import render_page
from tests.browsers import DESKTOP, PAPER, PHONE, Browser

pytestmark = pytest.mark.slow

CONTENTS: dict[str, dict[str, Any]] = {
    "one number": {"members": 8, "failed": (3,)},
    "several numbers, many rows": {"targets": ("rent", "heating", "n" * 90), "test_rows": 900, "hosts": 3},
    "images": {"of_images": True, "members": 1, "studied": True},
    "large and poor": {"unit": 1e9, "noise": 30.0, "held_out": False},
    "small": {"unit": 1e-9},
    "hostile": {"targets": ("<script>window.owned = 1</script>",), "column": "c" * 200, "title": "r" * 200},
}


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("kind", CONTENTS)
def test_page_fits_the_screen_and_asks_for_nothing(browser: Browser, make_numbers, tmp_path: Path, kind, size) -> None:
    page = tmp_path / "index.html"
    page.write_text(render_page(make_numbers(**CONTENTS[kind])), encoding="utf-8")

    browser.open(page, size, "dark" if size == PHONE else "light")

    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    assert browser.evaluate("window.owned ?? null") is None
    assert browser.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert browser.evaluate("innerWidth") == size[0]
    places = "[...document.querySelectorAll('.plot svg')].map((chart) => chart.getBoundingClientRect())"
    assert browser.evaluate(f"{places}.every((place) => place.height > 150 && place.width > 150)")


def test_page_prints_in_light_colours_within_the_paper(browser: Browser, make_numbers, tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text(render_page(make_numbers(targets=("rent", "heating"))), encoding="utf-8")

    browser.open(page, PAPER, "dark", media="print")

    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("document.documentElement.scrollWidth") <= PAPER[0]
