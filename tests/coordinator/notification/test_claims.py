"""Who of several tells a recipient what has happened."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from deepchord.coordinator.notification.claims import Claims

ADDRESS = "ntfy://somebodys-topic"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 5, 4, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_of_many_exactly_one_tells_and_the_others_wait_for_it(store, notice):
    followers = [Claims(store, ADDRESS, f"host {number}") for number in range(20)]

    with ThreadPoolExecutor(20) as pool:
        taken = list(pool.map(lambda claims: claims.take(notice), followers))

    assert taken.count(True) == 1
    assert taken.count(None) == 19


def test_what_was_told_is_not_told_again_to_the_same_recipient(store, notice):
    first, other = Claims(store, ADDRESS, "here"), Claims(store, "https://elsewhere/hook", "here")
    assert first.take(notice)
    first.note_told(notice)

    assert Claims(store, ADDRESS, "there").take(notice) is False
    assert other.take(notice) is True
    assert first.take(notice.model_copy(update={"id": f"{notice.run_id}-0-failed"})) is True


def test_who_has_claimed_and_tells_nothing_is_followed_by_another_one_a_few_times(store, notice):
    clock = Clock()
    followers = [Claims(store, ADDRESS, f"host {number}", clock) for number in range(5)]

    taken = []
    for claims in followers:
        taken.append([claims.take(notice), claims.take(notice)])
        clock.now += timedelta(minutes=2)

    assert taken == [[True, None], [True, None], [True, None], [False, False], [False, False]]


def test_storage_tells_nothing_of_the_address(store, notice):
    Claims(store, ADDRESS, "here").take(notice)

    (key,) = store.objects.list(f"runs/{notice.run_id}/notices/")
    assert "somebody" not in key
    assert b"somebody" not in store.objects.get(key)
    assert key.startswith(f"runs/{notice.run_id}/notices/0-stalled-0-")
