"""The page in a real headless Chromium, on a phone and on a desktop, in light and in dark."""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.page import render_page

MakeContent = Callable[..., ReportContent]

pytestmark = pytest.mark.slow

PHONE = (390, 844)
DESKTOP = (1280, 900)
#: A4 without its margins, in pixels.
PAPER = (718, 1047)

#: Chromium reads commands from file descriptor 3 and answers on 4; Popen cannot give it these two by itself.
_LAUNCHER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)
_ANSWER_S = 60


class Browser:
    """A headless Chromium spoken to through the DevTools protocol, over a pipe: no driver, no port."""

    def __init__(self, executable: str, profile: Path) -> None:
        command_reader, self._commands = os.pipe()
        self._answers, answer_writer = os.pipe()
        launch = [sys.executable, "-c", _LAUNCHER]
        # Moved to numbers far from 3 and 4, so that the launcher overwrites neither.
        fds = [fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for fd in (command_reader, answer_writer)]
        self._process = subprocess.Popen(
            [*launch, *map(str, fds), executable, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=fds,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for fd in (command_reader, answer_writer, *fds):
            os.close(fd)
        self._sent = 0
        self._buffer = b""
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the answer to a command."""
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": params}
        if hasattr(self, "_session"):
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._sent:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path, size: tuple[int, int], scheme: str, media: str = "screen") -> None:
        """Load a page and wait until all of it is there, the pictures further down as well."""
        width, height = size
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.send(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        self.events.clear()
        self.send("Page.navigate", url=page.as_uri())
        self.evaluate(
            """(async () => {
                if (document.readyState !== "complete")
                    await new Promise((done) => addEventListener("load", done, { once: true }));
                for (const image of document.images) image.loading = "eager";
                await Promise.allSettled([...document.images].map((image) => image.decode()));
            })()"""
        )

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited if it is a promise."""
        answer = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def complaints(self) -> list[dict[str, Any]]:
        """Return what the console and the log said and what threw, since the page was opened."""
        loud = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Network.loadingFailed")
        return [event for event in self.events if event.get("method") in loud]

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for, since it was opened, data URIs aside."""
        asked = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [url for event in asked if not (url := event["params"]["request"]["url"]).startswith("data:")]

    def close(self) -> None:
        """End Chromium and all its children, by their process group, whatever state they are in."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + _ANSWER_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._answers, 1 << 16) if ready else b""
            assert data, f"Chromium did not answer within {_ANSWER_S} s; exit status {self._process.poll()}"
            self._buffer += data
        message, self._buffer = self._buffer.split(b"\0", 1)
        found: dict[str, Any] = json.loads(message)
        return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        message = "There is no Chromium on this machine: install the package `chromium`."
        if "CI" in os.environ:
            pytest.fail(message)
        pytest.skip(message)
    found = Browser(executable, tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


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
