"""What may lie in a queue: ours passes, anything else is refused in a short line, whatever it is."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.runs import resend_evaluation, resend_member
from deepchord.coordinator.runs.submission import send_all
from deepchord.shared.broker import KEY_PREFIX
from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.queue import EVALUATE_ENSEMBLE, QUEUE, TRAIN_MEMBER, create_app, task_id
from deepchord.shared.queue.messages import MAX_BYTES, check_message
from deepchord.shared.settings import Settings
from tests.coordinator.runs.test_submission import run_of


@pytest.fixture
def app(broker_url: str) -> Iterator[Celery]:
    with create_app(Settings(broker=broker_url, signing_key="a key of some length"), takes_tasks=True) as app:
        yield app


@pytest.fixture
def client(broker_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(broker_url) as client:
        yield client


def body(*arguments: object, **embedded: object) -> str:
    return base64.b64encode(json.dumps([arguments, {}, embedded]).encode()).decode()


def message(**changes: object) -> dict[str, Any]:
    """A message as it lies in the queue."""
    headers = {"lang": "py", "task": TRAIN_MEMBER, "id": "one", "retries": 0, "timelimit": [None, None]}
    route = {"exchange": "", "routing_key": QUEUE}
    whole = {
        "body": body({"run_id": "x"}),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {"delivery_info": route, "delivery_tag": "1", "body_encoding": "base64"},
    }
    return {**whole, **changes}


def with_headers(**changes: object) -> bytes:
    whole = message()
    return json.dumps({**whole, "headers": {**whole["headers"], **changes}}).encode()


def test_all_that_is_sent_for_a_run_passes(app, client):
    run = run_of(3)
    send_all(app, run, range(3))
    resend_member(app, run, 1)
    resend_evaluation(app, run)
    sent = client.lrange(f"{KEY_PREFIX}{QUEUE}", 0, -1)

    for data in sent:
        check_message(data, is_task=True)
    assert sorted(filter(None, map(task_id, sent))) == sorted(
        [f"{run.run_id}.evaluation", *(f"{run.run_id}.member-{index:03d}" for index in (0, 1, 1, 2))]
    )


def test_what_is_put_back_and_what_instruments_add_passes():
    check_message(with_headers(redelivered=True, traceparent="00-0af7651916cd43dd8448eb211c80319c-01"), is_task=True)
    check_message(json.dumps({**message(), "redelivered": True}).encode(), is_task=True)


def test_answers_and_remote_control_need_no_tasks_headers():
    answer = json.dumps(message(headers={"clock": 7}, body=base64.b64encode(b'{"a": 1}').decode())).encode()

    check_message(answer, is_task=False)
    with pytest.raises(MessageDecodeError, match=r"headers\.id: field required"):
        check_message(answer, is_task=True)


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (with_headers(timelimit="abc"), "headers.timelimit"),
        (with_headers(timelimit=["abc", None]), "headers.timelimit"),
        (with_headers(timelimit=[300, 200]), "headers.timelimit"),
        (with_headers(eta="2026-01-01T00:00:00"), "headers.eta"),
        (with_headers(expires=10), "headers.expires"),
        (with_headers(retries=10**9), "headers.retries"),
        (with_headers(retries="3"), "headers.retries"),
        (with_headers(id=["one"]), "headers.id"),
        (with_headers(id=""), "headers.id"),
        (with_headers(task=None), "headers.task"),
        (with_headers(compression="application/x-gzip"), "headers.compression"),
        (with_headers(called_directly="yes"), "the header 'called_directly' is none of a task's"),
        (with_headers(chord="x"), "the header 'chord' is none of a task's"),
        (with_headers(notes={"deep": [1]}), "headers.notes"),
        (json.dumps(message(body=body({}, chord="x"))).encode(), "body: 2.chord"),
        (json.dumps(message(body=body({}, callbacks=[1]))).encode(), r"body: 2.callbacks.0"),
        (json.dumps(message(body=body({"__type__": "decimal", "__value__": "x"}))).encode(), "objects of Python"),
        (json.dumps(message(body="no base64")).encode(), "body: "),
        (json.dumps(message(body=base64.b64encode(DEEP.encode()).decode())).encode(), "recursion limit"),
        (json.dumps(message(properties={})).encode(), "properties.delivery_tag"),
        (json.dumps(message(**{"content-type": "application/x-python-serialize"})).encode(), "content-type"),
        (DEEP.encode(), "recursion limit"),
        (b'{"headers": ' + DEEP.encode() + b"}", "recursion limit"),
        (b" " * (MAX_BYTES + 1), "it has 1,048,577 bytes, and 1,048,576 are the most"),
        (b"junk", "invalid JSON"),
        (b"[]", "object"),
        (b"\xff\xfe", "invalid JSON"),
        (b"", "invalid JSON"),
    ],
)
def test_a_message_that_could_harm_a_worker_is_refused_by_what_is_wrong_with_it(data, why):
    with pytest.raises(MessageDecodeError, match=why):
        check_message(data, is_task=True)
    assert task_id(data) is None


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
PLACES = st.sampled_from(
    [("headers", name) for name in ("id", "task", "timelimit", "eta", "retries", "group", "chord", "stamps", "a\x1b")]
    + [("properties", name) for name in ("delivery_tag", "delivery_info", "body_encoding", "priority")]
    + [(None, name) for name in ("body", "headers", "properties", "content-type")]
)


@given(st.lists(st.tuples(PLACES, VALUES), max_size=3))
def test_any_message_passes_or_is_refused_in_a_line_that_can_be_printed(changes):
    whole = message()
    for (part, name), value in changes:
        place = whole if part is None else whole[part]
        if isinstance(place, dict):
            place[name] = value
    refusal = refused(json.dumps(whole).encode())

    assert refusal is None or (refusal.isprintable() and len(refusal) < 300)


@given(st.binary())
def test_any_bytes_are_refused(data):
    assert refused(data) is not None


def refused(data: bytes) -> str | None:
    try:
        check_message(data, is_task=True)
    except MessageDecodeError as error:
        return str(error)
    return None


def test_a_channel_discards_what_is_no_message_and_goes_on(app, client, caplog):
    got = []
    junk = (DEEP.encode(), b"junk", with_headers(timelimit="abc"), b"x" * (2 * MAX_BYTES), with_headers(id=None))
    with app.connection_for_read() as reading:
        consumer = app.amqp.TaskConsumer(reading.channel(), accept=["json"])
        consumer.on_message = lambda message: (got.append(message.headers["task"]), message.ack())
        with consumer:
            client.lpush(f"{KEY_PREFIX}{QUEUE}", *junk, json.dumps(message()))
            client.lpush(f"{KEY_PREFIX}{QUEUE}", with_headers(task=EVALUATE_ENSEMBLE))
            while len(got) < 2:
                reading.drain_events(timeout=10)

    assert got == [TRAIN_MEMBER, EVALUATE_ENSEMBLE]
    assert caplog.text.count("Something in a queue is no message, and was discarded") == len(junk)
    assert client.keys(f"{KEY_PREFIX}unacked*") == []


def test_what_is_held_unacknowledged_and_is_no_message_is_forgotten(app, client, caplog):
    for tag, held in (("a", DEEP), ("b", "junk"), ("c", "[]"), ("d", json.dumps([message(), "", QUEUE]))):
        client.hset(f"{KEY_PREFIX}unacked", tag, held)
        client.zadd(f"{KEY_PREFIX}unacked_index", {tag: 1})
    with app.connection_for_read() as reading:
        reading.channel().qos.restore_visible()

    assert client.llen(f"{KEY_PREFIX}{QUEUE}") == 1
    assert client.exists(f"{KEY_PREFIX}unacked", f"{KEY_PREFIX}unacked_index") == 0
    assert caplog.text.count("What was held unacknowledged is no message") == 3
