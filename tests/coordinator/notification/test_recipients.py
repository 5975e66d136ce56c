"""Addresses of those who are told."""

import json

import pytest

from deepchord.coordinator.notification import open_recipients, recipients
from deepchord.shared.errors import InputError, NoticeError
from deepchord.shared.settings import load_settings

SECRET = "t0p-secret"


def test_an_address_is_shown_without_its_path_its_user_and_whatever_apprise_may_keep_secret():
    settings = load_settings(notify=[f"https://user:{SECRET}@Hooks.example:8443/{SECRET}?{SECRET}", f"ntfy://{SECRET}"])

    labels = [recipient.label for recipient in open_recipients(settings)]

    assert labels == [
        "address 1 of --notify (https://hooks.example:8443)",
        "address 2 of --notify (ntfy://…)",
    ]
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (f"{SECRET}:x", "The address 1 of --notify has no ://; https://host/path is a webhook"),
        (f"https:///{SECRET}", "The address 1 of --notify names no host, or no valid port"),
        (f"http://host:port/{SECRET}", "The address 1 of --notify names no host, or no valid port"),
        (f"http://[{SECRET}/", "The address 1 of --notify names no host, or no valid port"),
        (f"nosuch://{SECRET}", r"The address 1 of --notify \(nosuch://…\) is not one that Apprise knows"),
        ("slack://a", r"The address 1 of --notify \(slack://…\) is not one that Apprise knows, or a part of it is"),
    ],
)
def test_an_address_that_is_none_is_refused_without_being_shown(address, sentence, caplog):
    with pytest.raises(InputError, match=sentence) as caught:
        open_recipients(load_settings(notify=[address]))

    assert SECRET not in str(caught.value)
    assert caplog.text == ""


def test_without_apprise_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setattr(recipients, "find_spec", lambda name: None)

    with pytest.raises(InputError, match=r"The address 1 of --notify \(ntfy://…\) needs another package: pip install"):
        open_recipients(load_settings(notify=["ntfy://topic"]))


def test_apprise_brings_a_notice_and_says_so_if_nobody_takes_it(receiver, notice, caplog):
    address = f"json://127.0.0.1:{receiver.port}/{SECRET}"
    (service,) = open_recipients(load_settings(notify=[address]))
    receiver.statuses.extend([200, 500])

    service.tell(notice)
    with pytest.raises(NoticeError, match="its service took no message"):
        service.tell(notice)

    told = json.loads(receiver.requests[0].body)
    assert (told["title"], told["message"]) == (notice.title, notice.message)
    assert told["type"] == "failure"
    assert caplog.text == ""
