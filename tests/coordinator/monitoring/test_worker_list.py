import io
from datetime import UTC, datetime

import pytest

from deepchord.coordinator.monitoring import worker_table
from deepchord.coordinator.monitoring.worker_list import WorkerRow
from deepchord.shared.broker import WorkerInfo, WorkerStatus
from deepchord.shared.command_line import new_console
from deepchord.shared.messages import MemberProgress, Trainer
from deepchord.shared.validation import PROTOCOL
from deepchord.shared.version import version

NOW = datetime(2026, 5, 4, tzinfo=UTC)
RUN = "20260504-000000-abcd"
LONG = "tensorflow-{}@a-host-whose-name-is-longer-than-any-terminal-has-room-for.example.org"


def at_work(name: str, index: int, protocol: int = PROTOCOL) -> WorkerRow:
    trainer = Trainer(host="box", engine="tensorflow", engine_version="2", device="CPU:0")
    note = WorkerInfo(
        worker=name, name=name, host="box", engine="tensorflow", device="CPU:0", device_kind="cpu", version="0.1.0",
        protocol=protocol, process_id=1, started_at=NOW,
    )  # fmt: skip
    progress = MemberProgress(
        index=index, attempt=1, trainer=trainer, phase="training", epochs_done=3, epochs=25, epoch_share=0.5,
        started_at=NOW, updated_at=NOW,
    )  # fmt: skip
    worker = WorkerStatus(info=note, seen_s_ago=3.2, at_work=(RUN, index))
    return WorkerRow(worker=worker, progress=progress, samples_per_s=5123.4)


def printed(lines: list[WorkerRow], width: int | None) -> list[str]:
    console = new_console(io.StringIO())
    console.width = width or 1000
    console.print(worker_table(lines, width))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200, None])
@pytest.mark.parametrize("names", [("w1@box", "w2@box"), ("torch-gpu-0@a-longer-host", "torch-gpu-1@a-longer-host")])
def test_names_of_workers_are_whole_at_any_width_and_other_columns_give_way(width, names):
    heading, *rows = printed([at_work(name, index) for index, name in enumerate(names)], width)

    assert [row.split()[0] for row in rows] == list(names)
    assert all(len(row) <= (width or 1000) for row in (heading, *rows))
    assert "member" in heading or width == 40
    assert heading.split()[-1] == "seen" or (width or 1000) < 100


def test_where_something_else_than_a_terminal_reads_everything_is_there():
    lines = printed([at_work(LONG.format(number), number) for number in (1, 2)], None)

    assert lines[1].split()[:7] == [LONG.format(1), "tensorflow", "CPU:0", "0.1.0", "1", "of", RUN]
    assert lines[2].startswith(LONG.format(2))


def test_a_name_that_a_terminal_has_no_room_for_is_cut_on_the_left():
    (_, row) = printed([at_work(LONG.format(1), 1)], 40)

    assert row == f"…{LONG.format(1)[-39:]}"


@pytest.mark.parametrize("width", [40, 60, 79, 80])
def test_two_workers_never_look_alike(width):
    _, *rows = printed([at_work(LONG.format(number), number) for number in (1, 2)], width)

    first, second = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    assert [line.split()[0] for line in first] != [line.split()[0] for line in second]


def test_a_worker_that_does_not_fit_is_marked_also_where_there_is_little_room():
    lines = printed([at_work("w1@box", 1), at_work("w2@box", 2, PROTOCOL + 1)], 40)

    assert f"0.1.0, does not fit {version()}" in lines[2]


def test_a_name_steers_no_terminal():
    lines = printed([at_work("w1\x1b[2J\n@box", 1)], 80)

    assert lines[1].startswith("w1\ufffd[2J\ufffd@box")


def test_a_worker_says_what_it_waits_for():
    row = at_work("w1@box", 1)
    info = row.worker.info.model_copy(update={"waits_for": "until 19:00\x1b"})
    rows = [WorkerRow(worker=WorkerStatus(info=note, seen_s_ago=1, at_work=None), progress=None, samples_per_s=None)
            for note in (info, row.worker.info)]  # fmt: skip

    _, waiting, ready = printed(rows, None)

    assert "waits until 19:00\ufffd" in waiting
    assert ready.split()[4] == "waits"
    assert [row.as_json()["waits_for"] for row in rows] == ["until 19:00\x1b", None]
