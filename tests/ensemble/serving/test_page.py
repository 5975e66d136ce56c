"""The server's page in a real browser: an image is chosen or drawn, and the ensemble's answer is read."""

import base64
import io
import time

import numpy as np
import pytest
from PIL import Image

from tests.browsers import DESKTOP, PHONE, Browser
from tests.ensemble.conftest import CLASSES, RUN, halves
from tests.ensemble.serving.conftest import TOKEN

pytestmark = pytest.mark.slow

_CHOOSE = """(() => {{
    const bytes = Uint8Array.from(atob("{data}"), (letter) => letter.charCodeAt(0));
    const chosen = new DataTransfer();
    chosen.items.add(new File([bytes], "it.png", {{ type: "image/png" }}));
    const input = document.getElementById("file");
    input.files = chosen.files;
    input.dispatchEvent(new Event("change"));
}})()"""
_DRAW = """(() => {
    const pad = document.getElementById("pad"), box = pad.getBoundingClientRect();
    const at = (type, x, y) => pad.dispatchEvent(new PointerEvent(type, {
        clientX: box.left + box.width * x, clientY: box.top + box.height * y, pointerId: 1, bubbles: true }));
    pad.setPointerCapture = () => {};
    at("pointerdown", 0.1, 0.1);
    at("pointermove", 0.1, 0.9);
    at("pointerup", 0.1, 0.9);
})()"""


def eventually(browser: Browser, expression: str, wanted: object) -> None:
    """Wait until an expression of JavaScript has a value."""
    deadline = time.monotonic() + 60
    while (found := browser.evaluate(expression)) != wanted:
        assert time.monotonic() < deadline, (expression, found, wanted)
        time.sleep(0.05)


def choose(browser: Browser, pixels: np.ndarray) -> None:
    """Choose an image file, as somebody does who clicks on the button."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    browser.evaluate(_CHOOSE.format(data=base64.b64encode(file.getvalue()).decode()))


def text(name: str) -> str:
    return f"document.getElementById('{name}').textContent"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_an_image_is_chosen_and_answered_on_any_screen(browser, served, ensemble, size, scheme):
    browser.open(served.url, size, scheme)
    eventually(browser, "document.getElementById('model').options.length", 2)
    assert browser.evaluate(text("about")).startswith("3 networks that tell 3 classes apart: dark, left, right.")
    images, _ = halves(1, 3)
    expected = ensemble.predict(images, risk=0.05, members=True)

    browser.evaluate("document.getElementById('risk').value = 'none'")
    choose(browser, images[0, ..., 0])

    eventually(browser, text("answer"), CLASSES[expected.labels[0]])
    assert browser.evaluate(text("sentence")) == f"{expected.confidence[0] * 100:.1f} % sure"
    assert browser.evaluate("document.querySelectorAll('#members li').length") == 3
    assert browser.evaluate("document.querySelectorAll('#bars li').length") == 3
    assert browser.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert (
        browser.evaluate("getComputedStyle(document.body).backgroundColor")
        == {
            "light": "rgb(250, 249, 246)",
            "dark": "rgb(20, 21, 23)",
        }[scheme]
    )
    assert browser.complaints() == []
    assert all(url.startswith((served.url, "blob:")) for url in browser.requests())


def test_a_drawing_is_answered_and_wiped(browser, served):
    browser.open(served.url, DESKTOP, "light")
    eventually(browser, "document.getElementById('model').options.length", 2)

    browser.evaluate(_DRAW)
    eventually(browser, "document.getElementById('result').hidden", False)

    browser.evaluate("document.getElementById('clear').click()")
    assert browser.evaluate("document.getElementById('result').hidden")


def test_it_says_that_it_does_not_know(browser, served, ensemble):
    images, _ = halves(200, 3)
    unsure = images[ensemble.predict(images, risk=0.005).abstains][0, ..., 0]
    browser.open(served.url, DESKTOP, "light")
    eventually(browser, "document.getElementById('model').options.length", 2)

    browser.evaluate("document.getElementById('risk').value = '0.005'")
    choose(browser, unsure)

    eventually(browser, text("answer"), "I do not know")
    assert browser.evaluate(text("sentence")).startswith("Most likely ")


def test_what_is_no_image_is_told_in_a_sentence(browser, served):
    browser.open(served.url, PHONE, "dark")
    eventually(browser, "document.getElementById('model').options.length", 2)

    browser.evaluate(_CHOOSE.format(data=base64.b64encode(b"no image").decode()))

    eventually(browser, text("trouble"), "it.png is no image that this browser can show.")


def test_the_whole_page_can_be_used_with_the_keyboard(browser, served):
    browser.open(served.url, DESKTOP, "light")
    eventually(browser, "document.getElementById('model').options.length", 2)
    reached = []

    for _ in range(6):
        for kind in ("keyDown", "keyUp"):
            browser.send("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(browser.evaluate("document.activeElement.id"))

    assert {"file", "clear", "invert", "model", "risk"} <= set(reached)


def test_a_server_with_a_token_asks_for_it(browser, start, exported):
    with start(str(exported), DEEPCHORD_SERVE_TOKEN=TOKEN) as server:
        browser.open(server.url, PHONE, "light")
        eventually(browser, "document.getElementById('login').hidden", False)

        browser.evaluate(f"document.getElementById('token').value = '{TOKEN}'")
        browser.evaluate("document.getElementById('enter').click()")

        eventually(browser, "document.getElementById('model').options.length", 1)
        assert browser.evaluate("document.getElementById('login').hidden")


_FILL = """(() => {
    const fields = document.getElementById("columns").elements;
    fields.namedItem("length").value = "2.5";
    fields.namedItem("colour").value = "blue";
    document.getElementById("columns").dispatchEvent(new Event("input"));
})()"""


def test_a_row_of_a_table_is_filled_in_and_answered(browser, start, table_storage, gardener):
    expected = gardener.predict({"length": 2.5, "colour": "blue"})

    with start(str(table_storage / "runs" / RUN)) as server:
        browser.open(server.url, DESKTOP, "light")
        eventually(browser, "document.getElementById('columns').elements.length", 2)
        assert "Fill in what you know of a row" in browser.evaluate(text("about"))
        assert browser.evaluate("document.getElementById('pad').hidden")
        browser.evaluate(_FILL)
        eventually(browser, text("answer"), expected.names()[0])

    assert browser.complaints() == []


_FILL_HOUSE = """(() => {
    const fields = document.getElementById("columns").elements;
    fields.namedItem("area").value = "100";
    fields.namedItem("rooms").value = "4";
    document.getElementById("columns").dispatchEvent(new Event("input"));
})()"""


def test_numbers_are_answered_with_their_intervals(browser, start, number_storage, valuer):
    lower, upper = (ends[0, 1] for ends in valuer.predict({"area": 100, "rooms": 4}).intervals(0.9))

    with start(str(number_storage / "runs" / RUN)) as server:
        browser.open(server.url, PHONE, "dark")
        eventually(browser, "document.getElementById('columns').elements.length", 2)
        assert "that predict price, built. Fill in what you know" in browser.evaluate(text("about"))
        browser.evaluate(_FILL_HOUSE)
        eventually(browser, "document.getElementById('numbers').children.length", 2)
        told = browser.evaluate(text("numbers"))

    assert f", from {float(f'{lower:.4g}'):g} to {float(f'{upper:.4g}'):g}standard deviation " in told
    assert browser.complaints() == []
