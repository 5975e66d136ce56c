import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepchord.shared.errors import CorruptObjectError, ObjectNotFoundError, StorageError
from deepchord.shared.storage import MemberStore
from tests.records import commit_record
from tests.shared.storage.examples import RUN, failed, sha256, trained


def test_attempts_of_a_member_are_numbered_from_one(store):
    assert store.member(RUN, 0).attempts() == ()

    assert [store.member(RUN, 0).start_attempt(b"me") for _ in range(3)] == [1, 2, 3]
    assert [attempt.number for attempt in store.member(RUN, 0).attempts()] == [1, 2, 3]
    assert store.member(RUN, 1).attempts() == ()


def test_an_attempt_shows_what_it_saved_and_whether_it_was_handed_over(store):
    for _ in range(2):
        store.member(RUN, 0).start_attempt(b"me")
    saved = [store.member(RUN, 0).save_epoch(1, epoch, f"state {epoch}".encode()) for epoch in (1, 2)]
    store.member(RUN, 0).hand_over(2)
    store.member(RUN, 0).publish_weights(1, b"weights")

    first, second = store.member(RUN, 0).attempts()

    assert (first.saved, first.handed_over) == (tuple(saved), False)
    assert (second.saved, second.handed_over) == ((), True)
    assert store.member(RUN, 0).saved_epoch(saved[1]) == b"state 2"
    store.member(RUN, 0).delete_epoch(saved[0])
    assert store.member(RUN, 0).attempts()[0].saved == (saved[1],)


def test_a_state_that_is_not_what_was_saved_is_found_out(store):
    saved = store.member(RUN, 0).save_epoch(1, 1, b"state")
    (path,) = Path(store.objects.url).glob("**/epochs/*.npz")
    path.write_bytes(b"stat")

    with pytest.raises(CorruptObjectError, match="is damaged"):
        store.member(RUN, 0).saved_epoch(saved)


def test_attempts_started_at_the_same_moment_get_different_numbers(store):
    taken: list[int] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        taken.extend(store.member(RUN, 0).start_attempt(b"me") for _ in range(5))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == list(range(1, 41))


def test_the_first_record_of_a_member_stays(store):
    assert commit_record(store, trained(1, attempt=1))
    assert not commit_record(store, trained(1, attempt=2))
    assert not commit_record(store, failed(1))

    assert store.member(RUN, 1).record() == trained(1, attempt=1)


def test_a_member_beyond_a_thousand_has_a_place_of_its_own(store):
    for index in (7, 99_999, 1000, 10):
        commit_record(store, trained(index))
        assert store.member(RUN, index).start_attempt(b"me") == 1

    assert store.recorded_members(RUN) == [7, 10, 1000, 99_999]


ARTIFACTS = [
    pytest.param(MemberStore.publish_weights, MemberStore.weights, id="weights"),
    pytest.param(MemberStore.publish_probabilities, MemberStore.probabilities, id="probabilities"),
]


@pytest.mark.parametrize(("put", "get"), ARTIFACTS)
def test_what_an_attempt_publishes_is_read_back_and_verified(store, put, get):
    member = store.member(RUN, 0)
    put(member, 1, b"first attempt")
    put(member, 2, b"second attempt")

    assert get(member, 1, sha256(b"first attempt")) == b"first attempt"
    with pytest.raises(CorruptObjectError, match=r"attempts/002/.* is damaged: expected the SHA-256 .*train a new run"):
        get(member, 2, sha256(b"first attempt"))


@pytest.mark.parametrize(("put", "get"), ARTIFACTS)
def test_what_an_attempt_never_published_is_named(store, put, get):
    with pytest.raises(ObjectNotFoundError, match=r"has no runs/.*/members/000/attempts/001/"):
        get(store.member(RUN, 0), 1, sha256(b""))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=st.integers(0, 99_999), attempt=st.integers(1, 5000), run_id=st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,63}\Z"))
def test_every_run_member_and_attempt_has_a_key_that_storage_takes(store, index, attempt, run_id):
    data = f"{run_id} {index} {attempt}".encode()

    store.member(run_id, index).publish_weights(attempt, data)

    assert store.member(run_id, index).weights(attempt, sha256(data)) == data


def test_a_run_id_can_never_lead_out_of_the_storage(store):
    with pytest.raises(StorageError, match="no valid key"):
        store.member("../../etc", 0).attempts()
