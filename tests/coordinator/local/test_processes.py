import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deepchord.coordinator.local import becomes_true
from deepchord.coordinator.local.processes import ChildProcess, is_alive

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups are those of Linux and macOS")


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Callable[[str], ChildProcess]]:
    made = []

    def make(code: str) -> ChildProcess:
        made.append(ChildProcess("child", [sys.executable, "-c", code], {"GIVEN": "this"}, tmp_path / "child.log"))
        return made[-1]

    yield make
    for process in made:
        process.kill()


def ended(process: ChildProcess) -> bool:
    return becomes_true(process.has_ended, 60.0)


def test_it_sees_the_given_environment_and_writes_to_its_log(child):
    process = child("import os; print(os.environ['GIVEN']); print(len(os.environ.keys() - {'GIVEN', 'LC_CTYPE'}))")
    process.start()

    assert ended(process)
    assert process.log_tail() == "this\n0"


def test_the_log_of_an_earlier_start_is_kept(child):
    process = child("print('started')")
    for _ in range(2):
        process.start()
        assert ended(process)
        process.kill()

    assert process.starts == 2
    assert process.log_tail() == "started\nstarted"


def test_only_the_end_of_a_long_log_is_shown(child):
    process = child("for line in range(100_000): print('line', line)")
    process.start()

    assert ended(process)
    assert process.log_tail().splitlines() == [f"line {line}" for line in range(99_985, 100_000)]


def test_a_log_with_nothing_in_it_is_called_empty(child):
    process = child("pass")
    assert process.log_tail() == "(no log)"
    process.start()

    assert ended(process)
    assert process.log_tail() == "(the log is empty)"


@pytest.mark.parametrize(
    ("code", "words"),
    [("raise SystemExit(3)", "exit code 3"), ("import os; os.kill(os.getpid(), 9)", "signal SIGKILL")],
)
def test_how_it_ended_is_said_in_words(child, code, words):
    process = child(code)
    assert process.exit_status == "not ended"
    process.start()
    assert ended(process)
    process.kill()

    assert process.exit_status == words


def test_killing_it_kills_what_it_started(child):
    process = child(
        "import subprocess, sys, time; "
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)']).pid, flush=True); "
        "time.sleep(1000)"
    )
    process.start()
    assert becomes_true(lambda: process.log_tail().isdecimal(), 60.0)
    grandchild = int(process.log_tail())
    assert is_alive(grandchild)

    process.kill()

    assert process.has_ended()
    assert not is_alive(grandchild)


def test_killing_it_after_it_ended_kills_what_it_left_behind(child):
    process = child(
        "import subprocess, sys; "
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)']).pid, flush=True)"
    )
    process.start()
    assert ended(process)
    left = psutil.Process(int(process.log_tail()))

    process.kill()

    assert psutil.wait_procs([left], timeout=60)[1] == []


def test_one_that_was_never_started_has_ended_and_can_be_stopped(child):
    process = child("pass")
    process.terminate()
    process.kill()

    assert process.has_ended()


def test_it_is_told_from_a_later_process_with_the_same_number(child):
    process = child("import time; time.sleep(1000)")
    process.start()
    found = psutil.Process(process.identity.pid)

    assert process.identity.is_of(found)
    assert not process.identity.model_copy(update={"started_at_s": found.create_time() - 60}).is_of(found)
