"""The page in a real headless Chromium, on a phone and on a desktop, in light and in dark."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.page import render_page
from tests.browsers import DESKTOP, PAPER, PHONE, Browser

MakeContent = Callable[..., ReportContent]

pytestmark = pytest.mark.slow

CONTENTS: dict[str, dict[str, Any]] = {
    "a usual run": {"members": 10, "failed": (7,), "classes": 10, "shape": (28, 28, 1), "hosts": 3},
    "bare weight files": {"records": False, "members": 4},
    "one member, one epoch": {"members": 1, "epochs": 1},
    "a hundred members": {"members": 100, "failed": (3,), "hosts": 9, "epochs": 30, "classes": 3},
    "many classes in colour": {"classes": 40, "shape": (12, 12, 3), "test_size": 400, "float_images": True},
    "two classes, no mistakes": {"classes": 2, "accuracy": 1.0},
    "how far it can be trusted": {"members": 10, "failed": (7,), "classes": 10, "hosts": 3, "measured": "out_of_bag"},
    "a study": {"members": 4, "classes": 10, "measured": "calibration_images", "studied": True},
    "without a calibration": {"records": False, "members": 1, "test_size": 3, "measured": "uncalibrated"},
    "wide images of 13 channels, a rare class and a missing one": {
        "classes": 5,
        "shape": (16, 128, 13),
        "test_labels": np.repeat([0, 1, 2, 3], [60, 30, 7, 3]),
        "test_size": 100,
        "measured": "out_of_bag",
    },
    "a thousand classes": {"classes": 1000, "test_size": 1500, "accuracy": 0.5},
    "names without spaces": {
        "title": "r" * 200,
        "class_names": ("a" * 90, "b" * 90, "c" * 90, "d" * 90),
        "failed": (1,),
        "error": "e" * 900,
        "measured": "calibration_images",
    },
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, make_content: MakeContent) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    return {
        kind: write_page(make_content(**options), folder / str(position))
        for position, (kind, options) in enumerate(CONTENTS.items())
    }


def write_page(content: ReportContent, folder: Path) -> Path:
    """Write the page alone: the figures beside it take long and are not looked at here."""
    folder.mkdir(exist_ok=True)
    page = folder / "index.html"
    page.write_text(render_page(content), encoding="utf-8")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("kind", CONTENTS)
def test_page_loads_whole_fits_the_screen_and_asks_for_nothing_else(
    browser: Browser,
    pages: dict[str, Path],
    kind: str,
    size: tuple[int, int],
    scheme: str,
) -> None:
    page = pages[kind]

    browser.open(page, size, scheme)

    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    assert browser.evaluate("document.images.length") > 0
    assert browser.evaluate("[...document.images].filter((image) => image.naturalWidth === 0).length") == 0
    # A phone widens `innerWidth` together with a page that is too wide, so the screen's own width is what counts.
    assert browser.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert browser.evaluate("innerWidth") == size[0]


def test_page_follows_the_colour_scheme(browser: Browser, tmp_path: Path, make_content: MakeContent) -> None:
    page = write_page(make_content(), tmp_path)
    colours = {}
    for scheme in ("light", "dark"):
        browser.open(page, PHONE, scheme)
        colours[scheme] = browser.evaluate("getComputedStyle(document.body).backgroundColor")

    assert colours == {"light": "rgb(250, 249, 246)", "dark": "rgb(20, 21, 23)"}


def test_following_a_member_marks_it_in_strip_table_and_curves(
    browser: Browser, tmp_path: Path, make_content: MakeContent
) -> None:
    browser.open(write_page(make_content(members=4), tmp_path), DESKTOP, "light")

    browser.evaluate(
        """(() => {
            const select = document.querySelector(".readout select");
            select.value = "2";
            select.dispatchEvent(new Event("change"));
        })()"""
    )

    followed = "[...document.querySelectorAll('.followed')].map((part) => part.dataset.member + part.tagName).sort()"
    assert browser.evaluate(followed) == ["2I", "2TR", "2g", "2g", "2g", "2g"]
    assert browser.evaluate("document.querySelector('.readout output').textContent").startswith("Member 2: best epoch")


def test_hostile_names_and_errors_do_not_become_markup(
    browser: Browser, tmp_path: Path, make_content: MakeContent
) -> None:
    hostile = "<img src=x onerror='window.owned = 1'><script>window.owned = 1</script>"
    content = make_content(
        title=hostile, error=hostile, failed=(0,), class_names=(f'"{hostile}', "</style>", "{{ 7 * 7 }}", "--><b>")
    )

    browser.open(write_page(content, tmp_path), DESKTOP, "light")

    assert browser.evaluate("window.owned ?? null") is None
    assert browser.evaluate("document.querySelectorAll('script').length") == 1
    assert hostile in browser.evaluate("document.body.textContent")
    assert "{{ 7 * 7 }}" in browser.evaluate("document.body.textContent")
    assert browser.complaints() == []


def test_a_phone_shows_the_test_accuracy_and_says_that_the_table_goes_on(
    browser: Browser, tmp_path: Path, make_content: MakeContent
) -> None:
    page = write_page(make_content(members=12, hosts=3), tmp_path)
    note = "getComputedStyle(document.querySelector('.sideways')).display"

    browser.open(page, PHONE, "light")

    heading = "document.querySelector('.summary th[title=\"Test Acc\"]').getBoundingClientRect().right"
    assert browser.evaluate(heading) <= PHONE[0]
    assert browser.evaluate(note) == "block"
    browser.open(write_page(make_content(records=False), tmp_path), DESKTOP, "light")
    assert browser.evaluate(note) == "none"


def test_a_count_beside_long_names_stays_in_one_piece(
    browser: Browser, tmp_path: Path, make_content: MakeContent
) -> None:
    names = tuple(letter * 90 for letter in "abcd")
    content = make_content(classes=4, class_names=names)
    evaluation = content.evaluation.model_copy(
        update={"confusion": ((39, 11, 0, 0), (1111, 39, 0, 0), (0, 0, 50, 0), (0, 0, 0, 50))}
    )
    page = write_page(replace(content, evaluation=evaluation), tmp_path)

    browser.open(page, PHONE, "light")

    lines = """[...document.querySelectorAll(".worst li b")].map((count) => {
        const text = document.createRange();
        text.selectNodeContents(count);
        return [count.textContent, text.getClientRects().length];
    })"""
    assert browser.evaluate(lines) == [["1,111", 1], ["11", 1]]


def test_page_prints_in_light_colours_with_the_whole_table(
    browser: Browser, tmp_path: Path, make_content: MakeContent
) -> None:
    page = write_page(make_content(members=60, hosts=3, measured="out_of_bag"), tmp_path)

    browser.open(page, PAPER, "dark", media="print")

    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    scroll = "document.querySelector('.table-scroll')"
    assert browser.evaluate(f"{scroll}.scrollHeight - {scroll}.clientHeight") <= 1
    assert browser.evaluate("document.querySelector('.summary').getBoundingClientRect().right") <= PAPER[0]
    assert browser.evaluate("document.documentElement.scrollWidth") <= PAPER[0]
    # A foot of a table would be repeated on every page.
    assert browser.evaluate("getComputedStyle(document.querySelector('tfoot')).display") == "table-row-group"
    assert browser.evaluate("getComputedStyle(document.querySelector('#mistakes .lede')).breakAfter") == "avoid"
    assert browser.evaluate("getComputedStyle(document.querySelector('.on-screen')).display") == "none"


def test_charts_side_by_side_stand_at_the_same_height(
    browser: Browser, tmp_path: Path, make_content: MakeContent
) -> None:
    browser.open(write_page(make_content(measured="out_of_bag"), tmp_path), DESKTOP, "light")

    places = "[...document.querySelectorAll('#trust svg')].map((chart) => chart.getBoundingClientRect())"
    tops = browser.evaluate(f"{places}.map((place) => Math.round(place.top))")
    assert len(tops) == 6  # the probabilities, and below them what more members bring
    assert len(set(tops[:3])) == len(set(tops[3:])) == 1
    assert browser.evaluate(f"{places}.every((place) => place.height > 200 && place.width > 200)")
