"""The page in a real headless Chromium: on a phone and a desktop, in light and dark, with keyboard and axe-core."""

import json
from pathlib import Path

import pytest

from tests.browsers import DESKTOP, PHONE, Browser
from tests.coordinator.dashboard.conftest import dashboard
from tests.coordinator.dashboard.example_runs import HOSTILE, REAL, begin, fill
from tests.ensemble.serving.test_page import eventually
from tests.npm import fetch_package

pytestmark = pytest.mark.slow

_AXE = "axe-core@4.10.3"
_AXE_SHA512 = "Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg=="
ROWS = "document.querySelectorAll('tbody tr').length"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("shown") / "storage")


@pytest.fixture(scope="module")
def shown(store):
    with dashboard(store.objects.url) as server:
        yield server


@pytest.fixture(scope="module")
def axe(require, tmp_path_factory) -> str:
    """The script of axe-core, which finds what people with a screen reader or a keyboard stumble over."""
    folder = fetch_package(_AXE, _AXE_SHA512, ["axe.min.js"], tmp_path_factory.mktemp("axe"), require)
    return Path(folder / "axe.min.js").read_text()


def violations(browser: Browser, axe: str) -> list[str]:
    browser.evaluate(axe)
    found = browser.evaluate(
        "axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })"
        ".then(({ violations }) => violations.map((each) => [each.id, each.nodes.map((node) => node.html)]))"
        ".then(JSON.stringify)"
    )
    return json.loads(found)


def views(store) -> dict[str, str]:
    """Return addresses of all views, each with what tells that it is complete."""
    runs = store.run_folders()
    return {
        "#/": f"{ROWS} === 8",
        f"#/runs/{runs[0]}": "document.querySelectorAll('.plot svg').length === 2",
        f"#/runs/{runs[2]}": "document.querySelectorAll('.failures').length > 0",
        f"#/runs/{runs[4]}": "document.querySelectorAll('.attempt').length === 2",
        f"#/runs/{runs[5]}": "document.querySelectorAll('.failures').length > 0",
        f"#/compare/{runs[0]},{runs[1]},{REAL}": "document.querySelectorAll('.plot svg').length >= 2",
        "#/workers": "document.querySelector('.notice') !== null",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_every_view_fits_the_screen_and_nobody_stumbles_over_it(browser, shown, store, axe, size, scheme):
    browser.open(shown.url, size, scheme)
    for address, is_whole in views(store).items():
        browser.evaluate(f"location.hash = {address!r}")
        eventually(browser, is_whole, True)

        assert violations(browser, axe) == [], address
        assert browser.evaluate("document.documentElement.scrollWidth") <= size[0], address
        assert browser.evaluate("window.owned ?? null") is None
    # Only streams that the page has closed itself, for those of another view.
    assert [each for each in browser.complaints() if each["params"].get("type") != "EventSource"] == []
    assert all(url.startswith(shown.url) for url in browser.requests())
    colour = {"light": "rgb(250, 249, 246)", "dark": "rgb(20, 21, 23)"}[scheme]
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == colour


def test_runs_are_searched_chosen_and_compared_with_the_keyboard_and_hostile_names_stay_text(browser, shown, store):
    first, second = store.run_folders()[:2]
    browser.open(shown.url, DESKTOP, "light")
    eventually(browser, ROWS, 8)
    assert HOSTILE in browser.evaluate("document.body.textContent")

    browser.evaluate("document.getElementById('search').focus()")
    browser.send("Input.insertText", text=f"{first} evaluated")
    eventually(browser, ROWS, 1)
    browser.evaluate("document.querySelector('tbody input').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.send("Input.dispatchKeyEvent", type=kind, key=" ", code="Space", text=" " if kind == "keyDown" else "")
    # The table is made anew, and who was in it still is.
    eventually(browser, "document.activeElement.dataset.key", f"choose-{first}")
    browser.evaluate("document.getElementById('search').value = ''; search.dispatchEvent(new Event('input'))")
    eventually(browser, ROWS, 8)
    browser.evaluate(f"document.querySelector('[data-key=\"choose-{second}\"]').click()")
    eventually(browser, "document.querySelector('[data-key=compare]')?.textContent ?? ''", "Compare 2 runs")
    browser.evaluate("document.querySelector('[data-key=compare]').click()")

    eventually(
        browser,
        "[...document.querySelectorAll('#differences ~ * tbody th')].some((name) => name.textContent === 'batch_size')",
        True,
    )
    assert browser.evaluate("document.activeElement.id") == "main"


def test_a_run_appears_by_itself_and_is_cancelled_with_the_token_in_the_address(browser, shown, store):
    browser.open("about:blank", DESKTOP, "light")
    browser.open(shown.address, DESKTOP, "light")
    eventually(browser, ROWS, 8)
    assert "token" not in browser.evaluate("location.href")

    run = begin(store, 20)
    eventually(browser, ROWS, 9)
    browser.evaluate(f"document.querySelector('[data-key=\"{run.run_id}\"]').click()")
    eventually(browser, "document.querySelector('[data-key=cancel]') !== null", True)
    browser.evaluate("document.querySelector('[data-key=cancel]').click()")
    browser.evaluate("document.getElementById('dialog-yes').click()")

    eventually(browser, "document.querySelector('.notice')?.textContent.startsWith('Cancelled from') ?? false", True)
    assert store.is_cancelled(run.run_id)
    assert browser.evaluate("document.getElementById('toast').textContent").startswith(f"Run {run.run_id} is cancelled")
    # What the command line refuses is told in the dialog.
    browser.evaluate("document.querySelector('[data-key=resume]').click()")
    browser.evaluate("document.getElementById('dialog-yes').click()")
    refused = "document.getElementById('dialog-refused').textContent.includes('no broker')"
    eventually(browser, refused, True)


def test_the_report_is_shown_inside_without_rights(browser, shown):
    browser.open("about:blank", DESKTOP, "light")
    browser.open(f"{shown.url}#/runs/{REAL}", DESKTOP, "light")
    eventually(browser, "document.querySelector('.parts button') !== null", True)

    browser.evaluate("[...document.querySelectorAll('.parts button')].at(-1).click()")

    eventually(browser, "document.querySelector('iframe') !== null", True)
    assert browser.evaluate("document.querySelector('iframe').sandbox.value") == "allow-scripts"
    assert browser.evaluate("document.querySelector('iframe').contentDocument") is None
