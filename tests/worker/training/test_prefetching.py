import threading
from collections.abc import Iterator

import pytest

from deepchord.worker.training.prefetching import prefetched


def makers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetching"]


def test_items_come_in_their_order_and_the_thread_ends_with_them():
    assert list(prefetched(range(50))) == list(range(50))
    assert list(prefetched([])) == []
    assert makers() == []


def test_items_are_made_ahead_but_not_without_end():
    made, third = [], threading.Event()

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            if number == 2:
                third.set()
            yield number

    ahead = prefetched(items())

    assert next(ahead) == 0
    assert third.wait(60)  # though only one was taken
    ahead.close()
    assert len(made) <= 5


def test_an_error_is_raised_where_its_item_would_have_come():
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    ahead = prefetched(items())

    assert next(ahead) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)
    assert makers() == []


def test_who_gives_up_leaves_no_thread_behind():
    with pytest.raises(RuntimeError, match="enough"):  # noqa: PT012  the iteration is what is given up
        ahead = prefetched(range(1000))
        try:
            for _ in ahead:
                raise RuntimeError("enough")
        finally:
            ahead.close()

    assert makers() == []
