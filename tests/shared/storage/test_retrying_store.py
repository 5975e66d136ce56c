from collections.abc import Callable
from pathlib import Path

import pytest

from deepchord.shared.errors import ObjectNotFoundError, StorageError
from deepchord.shared.storage.folder import FolderStore
from deepchord.shared.storage.retrying_store import RetryingStore


class Moody:
    """A storage in a folder that fails so many times before it works again; after or before it has done its work."""

    url = "moody"

    def __init__(self, folder: Path) -> None:
        self._folder = FolderStore(folder)
        self.failures = 0
        self.afterwards = False
        self.calls = 0
        self.error: Callable[[], Exception] = lambda: StorageError("in passing")

    def __getattr__(self, name: str) -> Callable:
        def call(*arguments: object) -> object:
            self.calls += 1
            if self.failures == 0:
                return getattr(self._folder, name)(*arguments)
            self.failures -= 1
            if self.afterwards:
                getattr(self._folder, name)(*arguments)
            raise self.error()

        return call


@pytest.fixture
def moody(tmp_path: Path) -> Moody:
    return Moody(tmp_path)


@pytest.fixture
def store(moody: Moody) -> RetryingStore:
    return RetryingStore(moody, first_wait_s=0.001)


def test_what_fails_in_passing_is_tried_again(moody, store):
    operations = [
        lambda: store.replace("one", b"1"),
        lambda: store.get("one"),
        lambda: list(store.list("")),
        lambda: store.exists("one"),
        lambda: store.create("two", b"2"),
        lambda: store.delete("one"),
    ]
    found = []
    for operation in operations:
        moody.failures = 4
        found.append(operation())

    assert found == [None, b"1", ["one"], True, True, None]


def test_what_fails_again_and_again_is_an_error_in_the_end(moody, store):
    moody.failures = 100

    with pytest.raises(StorageError, match="in passing"):
        store.get("one")

    assert moody.calls == 5


def test_what_is_of_no_use_to_try_again_is_an_error_at_once(moody, store):
    moody.failures, moody.error = 100, lambda: StorageError("read-only", permanent=True)

    with pytest.raises(StorageError, match="read-only"):
        store.replace("one", b"1")

    assert moody.calls == 1


def test_what_is_not_there_is_not_looked_for_again(moody, store):
    with pytest.raises(ObjectNotFoundError):
        store.get("one")

    assert moody.calls == 1


def test_an_object_that_was_created_although_an_error_came_back_counts_as_created(moody, store):
    moody.failures, moody.afterwards = 1, True

    assert store.create("one", b"mine")


def test_an_object_that_somebody_else_created_meanwhile_is_theirs(moody, store):
    FolderStore(Path(moody._folder.url)).create("one", b"theirs")
    moody.failures = 1

    assert not store.create("one", b"mine")
    assert store.get("one") == b"theirs"


def test_an_object_of_equal_bytes_that_was_there_before_is_not_created_twice(store):
    assert store.create("one", b"same")
    assert not store.create("one", b"same")
