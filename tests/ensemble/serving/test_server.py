import io
import json
import signal
import socket
import threading
import time
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from deepchord.ensemble.cli import commands
from tests.ensemble.conftest import CLASSES, RUN, halves
from tests.ensemble.serving.conftest import TOKEN

pytestmark = pytest.mark.slow


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def form(*files: tuple[str, bytes]) -> tuple[bytes, str]:
    """A body of multipart/form-data, and its content type."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def test_json_files_and_bodies_get_the_predictions_of_the_ensemble(served, ensemble):
    images, _ = halves(3, 7)
    expected = ensemble.predict(images, risk=0.05, sets=0.95, members=True)
    body, kind = form(*((f"{index}.png", png(image[..., 0])) for index, image in enumerate(images)))

    status, by_json, _ = served.predict(images.tolist(), "?members=true&sets=95%25")
    _, by_form, _ = served.request("POST", "/predict?members=1&sets=0.95", body, content_type=kind)
    _, by_body, _ = served.send(png(images[0, ..., 0]), "?members=yes&sets=95%25")

    assert status == 200
    assert by_json["class_names"] == list(CLASSES)
    assert by_json["model"] == "halves"
    for answer in (by_json, by_form):
        for index, found in enumerate(answer["predictions"]):
            np.testing.assert_allclose(found["probabilities"], expected.probabilities[index], atol=1e-5)
            np.testing.assert_allclose(found["members"], expected.members[:, index], atol=1e-5)
            assert found["label"] == expected.labels[index]
            assert found["class"] == CLASSES[found["label"]]
            assert found["abstains"] == expected.abstains[index]
            assert found["set"] == list(expected.set_names()[index])
            for name in ("confidence", "predictive_entropy", "mutual_information", "disagreement"):
                assert found[name] == pytest.approx(getattr(expected, name)[index], abs=1e-5)
    assert [found["image"] for found in by_form["predictions"]] == ["0.png", "1.png", "2.png"]
    assert by_body["predictions"][0]["probabilities"] == by_form["predictions"][0]["probabilities"]


def test_values_that_are_scaled_otherwise_are_warned_of_in_the_answer(served):
    images, _ = halves(2, 7)

    def asked(values: np.ndarray) -> tuple[int, dict]:
        body = json.dumps({"images": values.tolist()})
        return served.request("POST", "/models/same/predict", body, content_type="application/json")[:2]

    (status, odd), (_, usual) = asked(images / 90), asked(images / 255)

    assert status == 200
    (sentence,) = odd["warnings"]
    assert "most likely scaled wrongly: divide them by 255, or give uint8" in sentence
    assert "warnings" not in usual


def test_models_are_listed_and_asked_by_name(served):
    status, listed, _ = served.request("GET", "/models")
    images, _ = halves(1, 7)
    body = json.dumps({"images": images.tolist()})

    _, found, _ = served.request("POST", "/models/same/predict", body, content_type="application/json")
    missing, refused, _ = served.request("POST", "/models/other/predict", body, content_type="application/json")

    assert status == 200
    assert [model["name"] for model in listed["models"]] == ["halves", "same"]
    assert listed["models"][0] | {"test_accuracy": 0} == {
        "name": "halves",
        "run_id": RUN,
        "members": 3,
        "input_shape": [4, 4, 1],
        "class_names": list(CLASSES),
        "test_accuracy": 0,
        "risks": [0.05, 0.02, 0.01, 0.005],
        "levels": [0.9, 0.95, 0.99],
        "usual_risk": 0.05,
    }
    assert found["model"] == "same"
    assert (missing, refused["error"]) == (404, "There is no model 'other'; there are halves, same.")


@pytest.mark.parametrize(
    ("path", "body", "kind", "status", "sentence"),
    [
        ("/predict", "{", "application/json", 400, "The body is not valid JSON"),
        ("/predict", "[" * 100_001, "application/json", 413, "larger than the 100,000 bytes"),
        ("/predict", "[" * 50_000, "application/json", 400, "not valid JSON"),
        ("/predict", "{}", "application/json", 422, 'Expected {"images": […]}'),
        ("/predict", '{"images": [[1, 2], [3]]}', "application/json", 422, "their lists differ in length"),
        ("/predict", '{"images": "x"}', "application/json", 422, "expected numbers"),
        ("/predict", '{"images": null}', "application/json", 422, "expected numbers"),
        ("/predict", '{"images": []}', "application/json", 422, "Expected images as"),
        ("/predict", '{"images": [[1, 2], [3, 4]]}', "application/json", 422, "the networks take 4x4x1"),
        ("/predict", '{"images": [[NaN]]}', "application/json", 422, "finite"),
        ("/predict", '{"images": [[1e400]]}', "application/json", 422, "finite"),
        ("/predict", '{"images": [[300]]}', "application/json", 422, "must lie in 0..255"),
        ("/predict", "x", "text/plain", 415, "expected application/json, multipart/form-data or image/*"),
        ("/predict", "", "", 415, "Content-Type is missing"),
        ("/predict", b"garbage", "image/png", 422, "is no image that can be read"),
        ("/predict", b"garbage", "multipart/form-data", 400, ""),
        ("/predict", b"garbage", "multipart/form-data; boundary=x; charset=punycode", 415, "has to be utf-8"),
        ("/predict", '{"images": [[[3e38]]]}', "application/json", 422, ""),
        ("/predict?abstain=much", "{}", "application/json", 400, "abstain is 'much'; expected a share"),
        ("/predict?abstain=3%25", "{}", "application/json", 400, "it has them for 5%"),
        ("/predict?fit=crop", "{}", "application/json", 400, "fit is 'crop'"),
        ("/predict?members=maybe", "{}", "application/json", 400, "members is 'maybe'; expected true or false"),
        ("/predict?temperature=1", "{}", "application/json", 400, "Unknown parameter 'temperature'"),
        ("/nothing", "{}", "application/json", 404, "POST /nothing is not answered here; POST /predict is"),
    ],
)
def test_garbage_is_refused_with_a_status_and_a_sentence(served, path, body, kind, status, sentence):
    headers = {"content_type": kind} if kind else {}

    found, answer, _ = served.request("POST", path, body, **headers)

    assert (found, sentence in answer["error"]) == (status, True), answer


def test_a_bomb_is_refused_before_it_is_unpacked(served):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (20_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    data = zlib.compress(bytes(20_000 * 2_000), 9)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    assert len(bomb) < 100_000

    status, answer, _ = served.send(bomb, "?fit=resize")
    in_a_form, _, _ = served.request("POST", "/predict?fit=resize", form(("x.png", bomb))[0], content_type="text/x")

    assert (status, answer["error"]) == (413, "The images have too many pixels; at most 100,000 in a request.")
    assert in_a_form == 415


def test_a_body_that_grows_without_saying_so_is_cut_off(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        head = (
            "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        connection.sendall(head.encode())
        piece = b"4000\r\n" + bytes(0x4000) + b"\r\n"
        try:
            for _ in range(400):
                connection.sendall(piece)
        except OSError:
            pass  # it hung up
        answer = connection.recv(4096).decode()

    assert answer.startswith("HTTP/1.1 413 ")


def test_many_small_images_are_counted_before_they_are_made_larger(served):
    status, answer, _ = served.predict([[[0, 0]]] * 41, "?fit=resize")
    files = form(*[("x.png", png(np.zeros((2, 2), np.uint8)))] * 41)

    assert (status, answer["error"]) == (413, "The request has too many images; at most 40 at once.")
    assert served.request("POST", "/predict?fit=resize", files[0], content_type=files[1])[0] == 413


def test_a_page_of_another_site_may_not_ask(served):
    image = halves(1, 1)[0].tolist()

    assert served.predict(image, sec_fetch_site="cross-site")[0] == 403
    assert served.predict(image, sec_fetch_site="same-origin")[0] == 200


def test_who_hangs_up_while_it_sends_leaves_the_server_as_it_was(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        lines = ("POST /predict HTTP/1.1", "Host: 127.0.0.1", "Content-Type: image/png", "Content-Length: 90000")
        connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode() + b"some")
    assert served.predict(halves(1, 1)[0].tolist())[0] == 200


def test_too_many_images_of_one_request_are_refused(served):
    status, answer, _ = served.predict(halves(41, 1)[0].tolist())

    assert (status, answer["error"]) == (413, "The request has too many images; at most 40 at once.")


def test_many_clients_at_once_all_get_their_own_answers(served, ensemble):
    images, _ = halves(60, 9)
    expected = ensemble.predict(images).probabilities

    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(lambda index: served.predict(images[index].tolist(), "?members=1"), range(60)))

    assert {status for status, _, _ in found} == {200}
    each = [answer["predictions"][0]["probabilities"] for _, answer, _ in found]
    np.testing.assert_allclose(each, expected, atol=1e-5)
    _, numbers, _ = served.request("GET", "/metrics")
    assert 'deepchord_serve_requests_total{model="halves",status="200"}' in numbers
    assert "deepchord_serve_batch_images_bucket" in numbers
    assert "deepchord_serve_in_flight 0.0" in numbers


def test_large_bodies_get_the_answers_of_small_ones(served, ensemble):
    images, _ = halves(1, 9)
    body, padding = json.dumps({"images": images.tolist()}), " " * 50_000

    found = [
        served.request("POST", "/predict", text, content_type="application/json")[1] for text in (body, body + padding)
    ]

    assert found[0] == found[1]
    assert found[0]["predictions"][0]["label"] == ensemble.predict(images).labels[0]


def test_it_says_that_it_is_there_and_describes_itself(served):
    assert served.request("GET", "/healthz")[:2] == (200, {"status": "ok"})
    assert served.request("GET", "/readyz")[:2] == (200, {"ready": True})
    status, described, _ = served.request("GET", "/openapi.json")
    assert status == 200
    assert {"/predict", "/models/{model}/predict", "/models", "/metrics"} <= set(described["paths"])
    assert served.request("GET", "/predict")[0] == 405


def test_a_page_of_somebody_else_cannot_ask_through_a_name_that_it_made_up(served):
    assert served.request("GET", "/", host="evil.example")[0] == 400
    status, page, headers = served.request("GET", "/")
    assert (status, "<canvas" in page) == (200, True)
    assert "default-src 'none'" in headers["content-security-policy"]


def test_a_token_is_asked_for_where_predictions_and_numbers_are(start, exported):
    with start(str(exported), DEEPCHORD_SERVE_TOKEN=TOKEN) as server:
        image = halves(1, 1)[0].tolist()
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}):
            status, answer, sent = server.predict(image, **headers)
            assert (status, sent["www-authenticate"]) == (401, "Bearer")
            assert "This server wants its token" in answer["error"]
        assert server.predict(image, authorization=f"Bearer {TOKEN}")[0] == 200
        assert [server.request("GET", path)[0] for path in ("/models", "/metrics", "/healthz", "/")] == [
            401,
            401,
            200,
            200,
        ]
        assert server.request("GET", "/openapi.json")[1]["security"] == [{"token": []}]


def test_it_ends_when_it_is_told_to_and_answers_first_who_has_asked(start, exported):
    with start(str(exported)) as server:
        answers = []
        asking = [
            threading.Thread(target=lambda: answers.append(server.predict(halves(300, 1)[0].tolist())[0]))
            for _ in range(4)
        ]
        for thread in asking:
            thread.start()
        deadline = time.monotonic() + 60
        while not answers and time.monotonic() < deadline:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        for thread in asking:
            thread.join()

        assert server.process.wait(60) == 130
        assert answers == [200] * 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--host", "0.0.0.0"], "set DEEPCHORD_SERVE_TOKEN to a secret"),
        (["--host", "192.0.2.1"], "set DEEPCHORD_SERVE_TOKEN"),
        (["--abstain", "3%"], "it has them for 5%"),
    ],
)
def test_it_does_not_start_with_what_it_cannot_do(exported, arguments, sentence):
    result = CliRunner().invoke(commands, ["serve", str(exported), *arguments])

    assert sentence in str(result.exception)


def test_a_port_that_is_taken_is_named(served, exported):
    result = CliRunner().invoke(commands, ["serve", str(exported), "--port", str(served.port)])

    assert f"cannot listen on 127.0.0.1, port {served.port}" in str(result.exception)


def test_two_ensembles_need_two_names(exported):
    result = CliRunner().invoke(commands, ["serve", str(exported), str(exported)])

    assert f"Two ensembles are called {RUN}: give them names, NAME=ENSEMBLE." in str(result.exception)
