import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deepchord.shared.errors import CorruptObjectError, StorageError
from deepchord.shared.storage.folder import FolderStore

ROOT = Path(__file__).parents[3]


def python(script: str, *arguments: str) -> str:
    """What a script prints in a Python process of its own."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextmanager
def mounted(folder: Path, require, options: str) -> Iterator[None]:
    """A file system of its own in a folder, which only root may make."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    made = False
    if os.geteuid() == 0 and sys.platform == "linux":
        with suppress(FileNotFoundError):
            made = subprocess.run(command, capture_output=True, check=False).returncode == 0
    require("root and a tmpfs", made)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_an_answer_of_nfs_that_got_lost_after_linking_counts_as_ones_own(tmp_path, monkeypatch):
    link = os.link

    def link_and_lose_the_answer(source, target):
        link(source, target)
        link(source, target)

    monkeypatch.setattr("deepchord.shared.storage.folder.folder_store.os.link", link_and_lose_the_answer)
    store = FolderStore(tmp_path)

    assert store.create("record.json", b"mine")
    assert not store.create("record.json", b"other")
    assert store.get("record.json") == b"mine"


@pytest.mark.parametrize("operation", ["create", "replace"])
def test_a_full_disk_is_named_with_what_to_do_and_leaves_nothing(tmp_path, require, operation):
    with mounted(tmp_path / "small", require, "size=1m"):
        store = FolderStore(tmp_path / "small")
        store.replace("kept", b"before" * 1000)

        with pytest.raises(StorageError, match=r"Cannot write big/object .*No space left.*free some space") as caught:
            getattr(store, operation)("big/object", b"x" * 2_000_000)

        assert "--storage" in str(caught.value)
        assert [path.name for path in store.folder.rglob("*") if path.is_file()] == ["kept"]
        assert store.get("kept") == b"before" * 1000


def test_an_object_that_cannot_be_replaced_stays_as_it_was(tmp_path, require):
    with mounted(tmp_path / "small", require, "size=1m"):
        store = FolderStore(tmp_path / "small")
        store.replace("weights", b"before")

        with pytest.raises(StorageError, match="No space left"):
            store.replace("weights", b"x" * 2_000_000)

        assert store.get("weights") == b"before"


def test_a_limit_on_the_size_of_files_is_named_and_leaves_nothing(tmp_path):
    script = """
import resource
import sys
from pathlib import Path
from deepchord.shared.errors import CorruptObjectError, StorageError
from deepchord.shared.storage.folder import FolderStore
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
try:
    FolderStore(Path(sys.argv[1])).create("big/object", b"x" * 100_000)
except StorageError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
    ended = python(script, str(tmp_path / "storage"))

    assert "File too large; files of this size are not allowed here; raise the limit" in ended
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@contextmanager
def read_only(folder: Path, require) -> Iterator[None]:
    """A folder that nobody may write to: for root that takes a file system."""
    if os.geteuid() == 0:
        with mounted(folder, require, "ro"):
            yield
    else:
        folder.mkdir(mode=0o555)
        yield


@pytest.mark.parametrize("operation", ["create", "replace"])
def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path, require, operation):
    with read_only(tmp_path / "fixed", require):
        store = FolderStore(tmp_path / "fixed")

        with pytest.raises(StorageError, match=r"Cannot write runs/one in .*fixed: .*another folder with --storage"):
            getattr(store, operation)("runs/one", b"x")

        assert list(store.list("")) == []


@pytest.mark.parametrize("operation", ["create", "replace"])
def test_a_file_where_the_folder_should_be_is_said(tmp_path, operation):
    (tmp_path / "taken").write_text("a file")
    store = FolderStore(tmp_path / "taken")

    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        getattr(store, operation)("runs/one", b"x")
    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        store.list("")


def test_files_under_way_are_not_listed(tmp_path):
    store = FolderStore(tmp_path)
    store.create("runs/one", b"x")
    (tmp_path / "runs" / ".writing-0123").write_bytes(b"hal")

    assert list(store.list("")) == ["runs/one"]


def test_nothing_is_made_before_the_first_write(tmp_path):
    store = FolderStore(tmp_path / "storage")

    assert list(store.list("runs/")) == []
    assert not store.exists("runs/one")
    assert not store.folder.exists()


def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(tmp_path):
    (tmp_path / "storage" / "runs").mkdir(parents=True)
    (tmp_path / "storage" / "runs").chmod(0o000)
    (tmp_path / "storage").chmod(0o755)
    script = """
import os
from pathlib import Path
from deepchord.shared.errors import CorruptObjectError, StorageError
from deepchord.shared.storage.folder import FolderStore
os.chdir("{folder}")
if os.geteuid() == 0:
    os.seteuid(65534)  # root may read everything
for operation in (FolderStore(Path()).list, FolderStore(Path()).exists):
    try:
        operation("runs/one")
    except StorageError as error:
        print(error)
"""
    ended = python(script.replace("{folder}", str(tmp_path / "storage")))

    assert "Cannot list runs/one" in ended
    assert "Cannot read runs/one" in ended
    assert ended.count("Permission denied; this user may not do that; change the permissions") == 2


def test_an_object_is_no_folder(tmp_path):
    store = FolderStore(tmp_path)
    store.create("runs/one", b"{}")

    assert not store.exists("runs/one/run.json")
    with pytest.raises(StorageError, match=r"Cannot write runs/one/run\.json in storage"):
        store.create("runs/one/run.json", b"{}")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_folders_behind_links_are_listed_and_links_that_lead_in_a_circle_come_to_an_end(tmp_path):
    store = FolderStore(tmp_path / "storage")
    store.replace("runs/one/members/000/record.json", b"0")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "record.json").write_bytes(b"1")
    (tmp_path / "storage/runs/one/members/001").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "storage/runs/one/members/up").symlink_to(tmp_path / "storage/runs")
    (tmp_path / "storage/runs/one/members/self").symlink_to("self")

    found = [f"runs/one/members/00{number}/record.json" for number in range(2)]
    assert list(store.list("runs/one/members/")) == [*found, "runs/one/members/self"]
    assert [store.get(key) for key in found] == [b"0", b"1"]
    assert all(map(store.exists, found))


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs there")
@pytest.mark.parametrize(("make", "what"), [(os.mkfifo, "a FIFO"), (Path.mkdir, "a folder")])
def test_what_is_no_file_is_neither_read_nor_taken_for_one_that_was_created_before(tmp_path, make, what):
    store = FolderStore(tmp_path)
    make(tmp_path / "record.json")

    assert not store.exists("record.json")
    for operation in (lambda: store.get("record.json"), lambda: store.create("record.json", b"x")):
        with pytest.raises(CorruptObjectError, match=rf"/record.json is {what}, where a file was expected: restore"):
            operation()


def test_what_a_killed_writer_left_is_found_and_removed_once_it_is_old(tmp_path):
    store = FolderStore(tmp_path)
    store.create("runs/a/run.json", b"{}")
    old, new = tmp_path / "runs" / "a" / ".writing-old", tmp_path / "datasets" / ".writing-new"
    empty = tmp_path / "runs" / "b" / "members"
    for folder in (new.parent, empty):
        folder.mkdir(parents=True)
    old.write_bytes(b"12345")
    new.write_bytes(b"1")
    day = 24 * 3600
    for path in (old, old.parent, empty, empty.parent):
        os.utime(path, (time.time() - day, time.time() - day))
    limit = datetime.now(UTC) - timedelta(hours=1)

    found = {entry.key: (entry.size_bytes, entry.changed_at < limit) for entry in store.leftovers("")}
    store.delete_leftovers("", limit)

    assert found == {"datasets/.writing-new": (1, False), "runs/a/.writing-old": (5, True)}
    assert [entry.key for entry in store.leftovers("")] == ["datasets/.writing-new"]
    assert (list(store.list("")), list(store.folders("runs/"))) == (["runs/a/run.json"], ["a"])
    store.delete_leftovers("")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]
