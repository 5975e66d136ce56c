"""The workers of the given broker, or of the embedded ones on this machine, and those that fell silent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import redis

from deepchord.coordinator.dashboard.encoding import moment
from deepchord.coordinator.local import live_sessions
from deepchord.coordinator.monitoring import list_workers
from deepchord.shared.broker import connect_lazily, describe_error
from deepchord.shared.errors import DeepchordError
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

#: How long a broker may take to answer: everybody waits for it.
_BROKER_TIMEOUT_S = 2.0
#: Workers that have ended, or fell silent, are shown for so long, and at most so many of them.
_SHOWN_AFTER_END_S, _MOST_ENDED = 3600.0, 100

NO_BROKER = (
    "No broker is known here: this is what storage tells. Give one with --broker or DEEPCHORD_BROKER to see workers "
    "and epochs under way."
)


@dataclass(frozen=True, kw_only=True)
class FleetView:
    """All workers at one moment."""

    #: What `deepchord workers --json` says of each, with `seen_at`; `is_gone`: it is not listed any more.
    workers: tuple[Mapping[str, Any], ...] = ()
    #: Runs at which workers are at work.
    at_work: frozenset[str] = frozenset()
    #: Why workers may be missing here; None: all brokers answered.
    trouble: str | None = NO_BROKER


@dataclass(kw_only=True)
class Fleet:
    """Reads the workers of all brokers that are known here."""

    settings: Settings
    store: RunStore
    _clients: dict[str, redis.Redis] = field(default_factory=dict)
    #: The embedded brokers on this machine, by the run that each was started for.
    _of_runs: dict[str, str] = field(default_factory=dict)
    _known: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def client_for(self, run_id: str) -> redis.Redis | None:
        """Return a connection to the broker that a run is on; None if none is known here."""
        url = self._of_runs.get(run_id, self.settings.broker)
        return None if url is None else self._client(url)

    def look(self) -> FleetView:
        """Return the workers as they are now; an unreachable broker is told, and never raised."""
        sessions = [each for each in live_sessions(self.settings) if each.broker is not None]
        self._of_runs = {each.run_id: each.broker for each in sessions if each.run_id and each.broker}
        urls = dict.fromkeys(
            (*filter(None, [self.settings.broker]), *(each.broker for each in sessions if each.broker))
        )
        now, rows, troubles = datetime.now(UTC), list[dict[str, Any]](), list[str]()
        for url in urls:
            try:
                rows.extend(_rows(self._client(url), self.store, now))
            except redis.RedisError as error:
                troubles.append(f"The broker does not answer ({describe_error(error)}): this is what storage tells.")
            except DeepchordError as error:
                troubles.append(str(error))
        gone = [] if troubles else list(self._gone(rows, now))
        return FleetView(
            workers=(*rows, *gone),
            at_work=frozenset(row["run_id"] for row in rows if row["run_id"]),
            trouble=" ".join(troubles) or (None if urls else NO_BROKER),
        )

    def _client(self, url: str) -> redis.Redis:
        if url not in self._clients:
            settings = self.settings.model_copy(update={"broker": url})
            self._clients[url] = connect_lazily(settings, _BROKER_TIMEOUT_S)
        return self._clients[url]

    def _gone(self, rows: list[dict[str, Any]], now: datetime) -> Iterator[Mapping[str, Any]]:
        """Yield the workers that were listed and are no longer; remember those that are."""
        oldest = moment(now - timedelta(seconds=_SHOWN_AFTER_END_S)) or ""
        listed = {row["worker"]: row for row in rows}
        past = {key: row for key, row in self._known.items() if key not in listed and row["seen_at"] > oldest}
        latest = sorted(past, key=lambda key: past[key]["seen_at"], reverse=True)[:_MOST_ENDED]
        self._known = {key: past[key] for key in latest} | listed
        for key in latest:
            yield {**past[key], "is_gone": True, "run_id": None, "member": None, "samples_per_s": None}


def _rows(client: redis.Redis, store: RunStore, now: datetime) -> Iterator[dict[str, Any]]:
    for row in list_workers(client, store):
        told = row.as_json()
        seen_s_ago = told.pop("seen_s_ago")
        yield {**told, "seen_at": moment(now - timedelta(seconds=seen_s_ago)), "is_gone": False}
