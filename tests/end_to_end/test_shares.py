"""Six runs share a real worker, whose members wait at a gate: whose turn it is, what waits, and a limit."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from deepchord.coordinator.runs import prepare, submit
from deepchord.shared.messages import RunSpec
from deepchord.shared.queue import create_app
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from tests.waiting import wait_until

LONG = [f"20260101-00000{number}-long" for number in range(5)]
SHORT, LIMITED, FREE = "20260102-000000-short", "20260103-000000-limited", "20260104-000000-free"


@dataclass(frozen=True)
class Shared:
    """A fleet that runs are sent to."""

    place: Any
    store: RunStore
    app: Celery
    planned: RunSpec

    def send(self, run_id: str, **changes: object) -> None:
        spec = {**self.planned.model_dump(), "run_id": run_id, "min_members": 1, **changes}
        submit(self.app, self.store, RunSpec.parse(spec, "a run"))

    def queue(self) -> dict[str, dict[str, Any]]:
        listed = self.place.run("queue", "--json")
        assert (listed.returncode, listed.stderr) == (0, "")
        return {row["run_id"]: row for row in json.loads(listed.stdout)}

    def wait_for_evaluation(self, run_id: str) -> None:
        end = self.store.evaluation(self.store.run(run_id))
        wait_until(end.has_ended, f"run {run_id} to be evaluated")
        assert end.has_result()

    def order(self, *run_ids: str) -> list[tuple[str, int]]:
        """The members of runs in the order in which their training began."""
        members = [(run_id, index) for run_id in run_ids for index in range(self.store.run(run_id).members)]
        return sorted(members, key=lambda member: self.store.member(*member).attempt_note(1).started_at)


@pytest.fixture
def shared(new_place: Callable[..., Any], broker_url: str, recipe: Path) -> Iterator[Shared]:
    place = new_place(DEEPCHORD_BROKER=broker_url)
    settings = load_settings(broker=broker_url, storage=str(place.storage))
    store, planned = prepare(settings, recipe, {})
    with create_app(settings) as app:
        yield Shared(place, store, app, planned)
    place.kill_all()


def test_each_run_has_its_turn_and_no_more_workers_than_it_may_have(shared: Shared):
    place, gate = shared.place, shared.place.gate
    first = place.start("worker", "--name", "first@here", "--threads", "1")
    first.wait_for(" ready.")
    gate.hold(after=1)
    shared.send(LONG[0], members=3)
    gate.wait_for(1)
    for run_id in LONG[1:]:
        shared.send(run_id, members=3)
    shared.send(SHORT, members=2)

    rows = shared.queue()
    raised = place.run("priority", LONG[4], "high")
    refused = place.run("priority", LONG[4], "highest")
    gate.open()
    for run_id in (*LONG, SHORT):
        shared.wait_for_evaluation(run_id)

    assert rows.keys() == {*LONG, SHORT}
    assert [rows[LONG[0]][name] for name in ("waiting", "training", "done", "members")] == [2, 1, 0, 3]
    assert [rows[SHORT][name] for name in ("priority", "waiting", "training", "members")] == ["normal", 2, 0, 2]
    assert (raised.returncode, raised.stdout) == (0, f"Run {LONG[4]} has high priority.\n")
    assert (refused.returncode, "'low', 'normal' or 'high'" in refused.stderr) == (2, True), refused.stderr
    order = shared.order(*LONG, SHORT)
    assert order[:3] == [(LONG[0], 0), (LONG[4], 0), (SHORT, 0)]
    assert order[3:6] == [(run_id, 0) for run_id in LONG[1:4]]
    assert order.index((LONG[4], 2)) < order.index((LONG[1], 1))

    gate.hold(after=1)
    second = place.start("worker", "--name", "second@here", "--threads", "1")
    second.wait_for(" ready.")
    shared.send(LIMITED, members=2, share={"most_workers": 1})
    gate.wait_for(1)
    shared.send(FREE, members=1)
    wait_until(shared.store.member(FREE, 0).attempts, "the other worker to pass the limited run over")

    begun = [bool(shared.store.member(LIMITED, index).attempts()) for index in range(2)]
    rows = shared.queue()

    assert sorted(begun) == [False, True]
    assert [rows[LIMITED][name] for name in ("training", "most_workers", "done")] == [1, 1, 0]
    gate.open()
    shared.wait_for_evaluation(LIMITED)
    for worker in (first, second):
        worker.interrupt()
        assert worker.ended() == 0, worker.err
