import os
import subprocess
import sys
from typing import Any

import pytest
import redis

from deepchord.shared.broker import Holder, Leases, connect_lazily, member_lease
from deepchord.shared.errors import StorageError
from deepchord.shared.settings import Settings, load_settings
from deepchord.worker.execution.guarding.lease_renewal import Lease
from deepchord.worker.execution.outcomes import MemberTaken, RunCancelled

NAME = member_lease("run", 0)
OTHER = Holder(worker="another", process_id=1, token="1")


@pytest.fixture
def leases(settings: Settings) -> Leases:
    return Leases(connect_lazily(settings))


def lease(leases: Leases, **options: Any) -> Lease:
    return Lease(leases, NAME, 30.0, **{"worker": "me", **options})


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


def test_a_lease_is_held_for_the_length_of_a_block(leases: Leases):
    mine = lease(leases)

    assert mine.take() is None
    with mine:
        assert leases.remaining_s(NAME) is not None
        mine.check()

    assert leases.remaining_s(NAME) is None


def test_a_lease_is_not_taken_from_another_worker(leases: Leases):
    leases.hold(NAME, OTHER, 30)

    held = lease(leases).take()

    assert held.holder == OTHER
    assert held.remaining_s > 0


def test_a_lease_of_a_process_that_died_in_this_very_worker_is_taken_over(leases: Leases):
    leases.hold(NAME, Holder(worker="me", process_id=dead_process(), token="0"), 30)

    assert lease(leases).take() is None


@pytest.mark.parametrize("worker", ["another", "me"])
def test_a_lease_of_a_process_that_lives_is_not_taken_over(leases: Leases, worker: str):
    leases.hold(NAME, Holder(worker=worker, process_id=os.getppid(), token="0"), 30)

    assert lease(leases).take() is not None


def test_whoever_lost_its_lease_is_told_at_the_next_step(leases: Leases):
    mine = lease(leases)
    mine.take()
    leases.release(NAME, mine._holder)
    leases.hold(NAME, OTHER, 30)

    mine.check()
    mine.renew()

    for _ in range(2):
        with pytest.raises(MemberTaken):
            mine.check()


def test_a_lease_that_the_broker_forgot_is_taken_again(leases: Leases):
    mine = lease(leases)
    mine.take()
    connect_lazily(load_settings(broker=_url(leases))).flushall()

    mine.renew()

    mine.check()
    assert leases.remaining_s(NAME) is not None


def test_a_lease_is_not_renewed_while_nothing_advances(leases: Leases):
    mine = lease(leases, may_renew=lambda: False)
    mine.take()
    leases.release(NAME, mine._holder)

    mine.renew()

    assert leases.remaining_s(NAME) is None


def test_an_outage_of_a_moment_is_waited_for(leases: Leases, monkeypatch: pytest.MonkeyPatch):
    hold, failures = leases.hold, [redis.ConnectionError("away")] * 2

    def moody(*arguments: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return hold(*arguments, **options)

    monkeypatch.setattr(leases, "hold", moody)
    monkeypatch.setattr("deepchord.worker.execution.guarding.lease_renewal._WAITS_S", (0.01, 0.01))
    mine = lease(leases)

    assert mine.take() is None
    assert mine.is_confirmed


def test_without_a_broker_the_work_goes_on(free_port: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("deepchord.worker.execution.guarding.lease_renewal._WAITS_S", (0.01,))
    away = Leases(connect_lazily(load_settings(broker=f"redis://127.0.0.1:{free_port}/0")))
    mine = lease(away)

    assert mine.take() is None
    assert not mine.is_confirmed
    with mine:
        mine.renew()
        mine.check()


def test_a_reason_to_end_is_raised_at_the_next_step(leases: Leases):
    mine = lease(leases, is_over=lambda: RunCancelled)
    mine.take()
    mine.check()

    mine.ask()

    with pytest.raises(RunCancelled):
        mine.check()


def test_a_storage_that_does_not_answer_is_no_reason_to_end(leases: Leases):
    def ask() -> None:
        raise StorageError("away")

    mine = lease(leases, is_over=ask)
    mine.take()

    mine.ask()

    mine.check()


def test_a_lease_that_rests_is_seen_for_a_while(leases: Leases):
    mine = lease(leases)
    mine.take()
    with mine:
        mine.rest(20.0)

    assert set(leases.held_members("run", [0])) == {0}
    assert lease(leases, worker="another").take() is None


def test_it_is_renewed_by_a_thread_of_its_own(leases: Leases):
    mine = Lease(leases, NAME, 1.0, worker="me")
    mine.take()
    with mine, connect_lazily(load_settings(broker=_url(leases))) as client:
        client.delete(NAME)
        while leases.remaining_s(NAME) is None:
            pass


def _url(leases: Leases) -> str:
    client: redis.Redis = leases._client
    options = client.connection_pool.connection_kwargs
    return f"redis://:{options['password']}@{options['host']}:{options['port']}/0"
