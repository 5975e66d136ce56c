"""What a command prints that cannot follow its run to the end."""

import errno
import io
import os
import sys
from pathlib import Path

import pytest

from deepchord.coordinator.cli.following import follow
from deepchord.coordinator.monitoring import following
from deepchord.coordinator.running import BrokerSession
from deepchord.shared.command_line.output import OutputStream
from deepchord.shared.errors import OutputClosedError, OutputError, StorageError
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore
from tests.coordinator.followed_run import published_run


@pytest.fixture
def run(store: RunStore) -> RunSpec:
    return published_run(store)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(cache=tmp_path / "cache", state=tmp_path / "state")


@pytest.mark.parametrize(("embedded", "command"), [(False, "watch"), (True, "resume")])
def test_storage_that_stays_away_ends_the_command_with_what_goes_on(
    settings, store, run, monkeypatch, embedded, command
):
    monkeypatch.setattr(following, "_MAX_STORAGE_OUTAGE_S", 0.0)
    folder = Path(store.objects.url)

    def lose() -> None:
        folder.rename(folder.with_name("away"))
        folder.write_text("no folder")

    session = BrokerSession(settings=settings, embedded=embedded, check=lose, flower_address=None)
    with pytest.raises(StorageError, match=rf"^Cannot .*; `deepchord {command} {run.run_id}` (goes|follows)") as caught:
        follow(session, store, run)

    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(("embedded", "command"), [(False, "watch"), (True, "resume")])
@pytest.mark.parametrize(
    ("number", "kind", "sentence"),
    [
        (errno.EPIPE, OutputClosedError, "Nobody reads the output any more"),
        (errno.ENOSPC, OutputError, "The output cannot be written: No space left on device. Following it ended"),
    ],
)
def test_output_that_nobody_reads_or_takes_ends_the_command_with_what_goes_on(
    settings, store, run, monkeypatch, embedded, command, number, kind, sentence
):
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(sys, "stdout", OutputStream(Broken(), is_error=False))
    session = BrokerSession(settings=settings, embedded=embedded, check=lambda: None, flower_address=None)

    with pytest.raises(kind, match=f"^{sentence}: .*; `deepchord {command} {run.run_id}` (goes|follows)") as caught:
        follow(session, store, run)

    assert type(caught.value) is kind
