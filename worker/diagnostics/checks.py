"""Examines whether broker and storage work as a run needs them; each finding says what to do."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

import redis

from deepchord.shared.broker import (
    MAX_SKEW_S,
    WorkerRegistry,
    clock_skew_s,
    connect,
    describe_error,
    describe_skew,
    find_trouble,
    server_info,
)
from deepchord.shared.datasets import Places, find_dataset
from deepchord.shared.errors import DeepchordError
from deepchord.shared.settings import Settings, is_socket, keras_home, without_password
from deepchord.shared.storage import BROKER_STORAGE, RunStore
from deepchord.shared.validation import PROTOCOL
from deepchord.shared.version import version

#: `ZADD … GT`, which Celery's transport needs.
_OLDEST_REDIS = (6, 2)

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check."""

    what: str
    state: State
    #: What was found, and what to do if it is not ok; never holds a password.
    text: str


def examine_connectivity(settings: Settings) -> Iterator[Finding]:
    """Yield the findings about broker, storage and data set, one after the other."""
    yield from _examine_broker(settings)
    yield from _examine_storage(settings)
    yield _examine_dataset()


def _examine_broker(settings: Settings) -> Iterator[Finding]:
    if settings.broker is None:
        text = "none is given; `deepchord train` starts one of its own, and a fleet needs one: --broker"
        yield Finding(what="broker", state="ok", text=text)
        return
    address = without_password(settings.broker)
    try:
        with connect(settings) as client:
            started = time.perf_counter()
            client.ping()
            milliseconds = 1000 * (time.perf_counter() - started)
            trouble = find_trouble(client)
            if trouble is not None:
                yield Finding(what="broker", state="problem", text=f"{address} {trouble.text}")
                return
            facts = server_info(client)
            yield _version(address, facts, milliseconds)
            yield _encryption(settings)
            if facts:
                yield _durability(facts, in_broker=settings.storage.startswith(f"{BROKER_STORAGE}:"))
                yield _eviction(facts)
            yield _clock(clock_skew_s(client))
            yield _workers(client)
    except DeepchordError as error:
        yield Finding(what="broker", state="problem", text=str(error).rstrip("."))
    except redis.exceptions.NoPermissionError as error:
        rights = "the rights that `deepchord files users.acl` prints for its role"
        text = f"{address} does not let this user do what a run needs ({error}): give it {rights}"
        yield Finding(what="broker", state="problem", text=text)
    except redis.RedisError as error:
        reason = describe_error(error)
        text = f"{address} answers, but cannot do what a run needs ({reason}): look at its log and at the network"
        yield Finding(what="broker", state="problem", text=text)


def _version(address: str, facts: dict[str, Any], milliseconds: float) -> Finding:
    speed = f"answers in {milliseconds:.1f} ms, and takes writes, transactions and scripts"
    if not facts:
        text = (
            f"{address} {speed}; of its version, durability and eviction it tells this user nothing (INFO is renamed "
            "or not allowed), so look after these yourself"
        )
        return Finding(what="broker", state="warning", text=text)
    valkey = facts.get("valkey_version")
    name, number = ("Valkey", valkey) if valkey else ("Redis", str(facts.get("redis_version", "0")))
    found = tuple(int(part) for part in re.findall(r"\d+", number)[:2])
    if not valkey and found < _OLDEST_REDIS:
        oldest = ".".join(map(str, _OLDEST_REDIS))
        return Finding(
            what="broker", state="problem", text=f"{address} is Redis {number}: install {oldest} or later, or Valkey"
        )
    return Finding(what="broker", state="ok", text=f"{address} is {name} {number}, {speed}")


def _encryption(settings: Settings) -> Finding:
    parts = urlsplit(settings.broker or "")
    if parts.scheme == "rediss":
        return Finding(what="encryption", state="ok", text="TLS, with a certificate that is trusted")
    if is_socket(settings.broker or "") or _is_local(parts.hostname or ""):
        return Finding(what="encryption", state="ok", text="none, and none is needed: the broker is on this machine")
    return Finding(
        what="encryption",
        state="warning",
        text="passwords and messages cross the network in clear text: use rediss://, docs/fleet.md says how",
    )


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _durability(facts: dict[str, Any], *, in_broker: bool) -> Finding:
    if int(facts.get("aof_enabled", 0)):
        return Finding(what="durability", state="ok", text="append-only file on: the broker may restart")
    if in_broker:
        return Finding(
            what="durability",
            state="problem",
            text="the storage is in the broker, and its append-only file is off: set appendonly yes, or a restart "
            "loses all runs",
        )
    return Finding(
        what="durability",
        state="warning",
        text="append-only file off: after a restart of the broker what was queued is sent again, a little later; "
        "set appendonly yes",
    )


def _eviction(facts: dict[str, Any]) -> Finding:
    policy, limit = str(facts.get("maxmemory_policy", "noeviction")), int(facts.get("maxmemory", 0))
    if limit and policy != "noeviction":
        return Finding(
            what="eviction",
            state="problem",
            text=f"the broker forgets messages when its memory is full ({policy}): set maxmemory-policy noeviction",
        )
    return Finding(what="eviction", state="ok", text="nothing is forgotten when memory is full")


def _clock(skew_s: float) -> Finding:
    if abs(skew_s) > MAX_SKEW_S:
        return Finding(what="clock", state="problem", text=describe_skew(skew_s))
    return Finding(what="clock", state="ok", text=f"within {abs(skew_s):.1f} s of the broker's")


def _workers(client: redis.Redis) -> Finding:
    lines = WorkerRegistry(client).statuses()
    others = {f"{line.info.name} ({line.info.version})" for line in lines if line.info.protocol != PROTOCOL}
    if others:
        listed = ", ".join(sorted(others))
        text = f"some are of a deepchord that this one ({version()}) does not understand: {listed}; install the same"
        return Finding(what="workers", state="problem", text=text)
    return Finding(what="workers", state="ok", text=f"{len(lines)} connected")


def _examine_storage(settings: Settings) -> Iterator[Finding]:
    try:
        store = RunStore.open(settings)
        started = time.perf_counter()
        store.check_writable()
    except DeepchordError as error:
        yield Finding(what="storage", state="problem", text=str(error).rstrip("."))
        return
    milliseconds = 1000 * (time.perf_counter() - started)
    text = f"{store.objects.url} can be written and read, and creates once ({milliseconds:.0f} ms for all of it)"
    yield Finding(what="storage", state="ok", text=text)


def _examine_dataset() -> Finding:
    try:
        found = find_dataset("fashion", Places(keras_home=keras_home(), download=False))
    except DeepchordError:
        text = "Fashion-MNIST is not on this machine; only whoever submits a run needs it, and fetches it then"
        return Finding(what="dataset", state="ok", text=text)
    return Finding(what="dataset", state="ok", text=f"Fashion-MNIST is here ({len(found.x_train):,} images)")
