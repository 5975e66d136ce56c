"""Webhooks at a real HTTP server."""

import base64
import hashlib
import hmac
import socket
import threading
import time

import pytest

from deepchord.coordinator.notification import webhook
from deepchord.coordinator.notification.webhook import Webhook, signature
from deepchord.shared.errors import InputError, NoticeError

SECRET = "a secret of the receiver"


def hook(address: str, secret: str | None = None) -> Webhook:
    return Webhook(address, label="address 1 of --notify (http://127.0.0.1)", secret=secret, ca_file=None)


def test_a_notice_arrives_as_json_with_a_signature_of_its_id_its_time_and_its_body(receiver, notice):
    hook(receiver.url, SECRET).tell(notice)

    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/hooks/t0p-secret")
    assert request.headers["Content-Type"] == "application/json"
    assert request.json["event"] == "stalled"
    assert request.json["run_id"] == notice.run_id
    assert request.json["message"] == f"Run {notice.run_id} does not go on: it rains."
    assert (request.json["members"], request.json["trained"], request.json["test_accuracy"]) == (2, 0, None)
    timestamp = request.headers["Webhook-Timestamp"]
    assert abs(int(timestamp) - time.time()) < 3600  # the clock, not how long it took
    signed = f"{notice.id}.{timestamp}.".encode() + request.body
    expected = base64.b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).decode()
    assert request.headers["Webhook-Signature"] == f"v1,{expected}"
    assert request.headers["Webhook-Id"] == notice.id


def test_the_signature_is_that_of_the_specifications_own_example():
    # https://github.com/standard-webhooks/standard-webhooks, tests of the Python library
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', key)

    assert headers["Webhook-Signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_in_base64_is_decoded_and_one_that_is_none_is_refused_without_being_shown(receiver, notice):
    hook(receiver.url, "whsec_" + base64.b64encode(b"binary \xff").decode()).tell(notice)
    request = receiver.requests[0]
    signed = f"{notice.id}.{request.headers['Webhook-Timestamp']}.".encode() + request.body
    assert request.headers["Webhook-Signature"].endswith(
        base64.b64encode(hmac.new(b"binary \xff", signed, hashlib.sha256).digest()).decode()
    )

    with pytest.raises(InputError, match="DEEPCHORD_NOTIFY_SECRET begins with whsec_") as caught:
        hook(receiver.url, "whsec_not base64!")
    assert "not base64!" not in str(caught.value)


def test_without_a_secret_nothing_is_signed_and_a_user_in_the_address_becomes_a_header(receiver, notice):
    hook(receiver.url.replace("http://", "http://me:p%40ss@")).tell(notice)

    (request,) = receiver.requests
    assert request.headers["Webhook-Signature"] is None
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert request.headers["Host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize(
    ("status", "why", "transient"),
    [
        (500, "it answered 500 (Internal Server Error)", True),
        (429, "it answered 429 (Too Many Requests)", True),
        (404, "it answered 404 (Not Found)", False),
        (401, "it answered 401 (Unauthorized)", False),
        (302, "it redirects (status 302), which is not followed: give the address it leads to", False),
        (307, "it redirects (status 307), which is not followed: give the address it leads to", False),
        (308, "it redirects (status 308), which is not followed: give the address it leads to", False),
    ],
)
def test_an_answer_that_takes_nothing_is_told_and_no_redirect_is_followed(receiver, notice, status, why, transient):
    receiver.statuses.append(status)

    with pytest.raises(NoticeError) as caught:
        hook(receiver.url).tell(notice)

    assert (str(caught.value), caught.value.transient) == (why, transient)
    assert len(receiver.requests) == 1


def test_a_server_that_hangs_is_left(receiver, notice, monkeypatch):
    monkeypatch.setattr(webhook, "_TIMEOUT_S", 0.2)
    receiver.hangs.set()

    with pytest.raises(NoticeError, match=r"no answer came within 0\.2 s") as caught:
        hook(receiver.url).tell(notice)

    assert caught.value.transient


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://127.0.0.1:{free}/t0p-secret", "it cannot be reached: Connection refused"),
        ("https://127.0.0.1:{open}/t0p-secret", "it does not speak HTTP|cannot be reached"),
        ("http://127.0.0.1:{silent}/t0p-secret", "it does not speak HTTP|cannot be reached"),
        ("http://no-such-host.invalid/t0p-secret", "it cannot be reached: "),
    ],
)
def test_who_cannot_be_reached_is_told_without_the_path(receiver, notice, free_port, address, why):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            listener.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        ports = {"free": free_port, "open": receiver.port, "silent": listener.getsockname()[1]}

        with pytest.raises(NoticeError, match=why) as caught:
            hook(address.format(**ports)).tell(notice)

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
