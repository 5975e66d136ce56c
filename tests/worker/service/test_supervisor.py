import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepchord.shared.errors import TERMINATION_SIGNALS
from deepchord.worker.availability import Decision, End, Wait, Work
from deepchord.worker.service import run_each, supervisor

ROOT = Path(__file__).parents[3]


@pytest.fixture
def handlers() -> Iterator[None]:
    """Leave the handlers of signals as they were."""
    numbers = (signal.SIGINT, *TERMINATION_SIGNALS)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def process(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.usefixtures("handlers")
def test_workers_that_end_well_are_all_that_is_wanted():
    assert run_each([("one", process("")), ("other", process(""))]) == 0


@pytest.mark.usefixtures("handlers")
def test_a_worker_in_a_terminal_hears_ctrl_c_from_its_first_moment(monkeypatch):
    monkeypatch.setattr(supervisor, "_is_in_foreground", lambda: True)
    hears = "import signal; raise SystemExit(signal.getsignal(signal.SIGINT) is signal.SIG_IGN and 3)"

    assert run_each([("one", process(hears))]) == 0


@pytest.mark.usefixtures("handlers")
def test_the_others_go_on_without_a_worker_that_was_refused(tmp_path):
    # Long after the other has been refused.
    goes_on = f"import time, pathlib; time.sleep(2); pathlib.Path({str(tmp_path / 'went_on')!r}).touch()"

    assert run_each([("one", process("raise SystemExit(2)")), ("other", process(goes_on))]) == 0

    assert (tmp_path / "went_on").exists()


@pytest.mark.usefixtures("handlers")
def test_workers_that_gave_up_their_processes_are_told_by_the_exit_code():
    assert run_each([("one", process("raise SystemExit(4)")), ("other", process("raise SystemExit(0)"))]) == 4


def test_workers_that_are_all_refused_are_an_error():
    refused = process("raise SystemExit(2)")

    assert run_each([("one", refused), ("other", refused)]) == 2


@pytest.mark.usefixtures("handlers")
def test_a_worker_that_is_stopped_while_it_is_loaded_leaves_the_others_at_work(tmp_path):
    stopped = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    # Long after the other has been stopped.
    goes_on = f"import time, pathlib; time.sleep(2); pathlib.Path({str(tmp_path / 'went_on')!r}).touch()"

    assert run_each([("one", process(stopped)), ("other", process(goes_on))]) == 0

    assert (tmp_path / "went_on").exists()


@pytest.mark.usefixtures("handlers")
def test_a_worker_that_dies_ends_the_others(tmp_path):
    goes_on = f"import time, pathlib; time.sleep(600); pathlib.Path({str(tmp_path / 'went_on')!r}).touch()"

    assert run_each([("one", process("raise SystemExit(3)")), ("other", process(goes_on))]) == 2

    assert not (tmp_path / "went_on").exists()


@pytest.mark.parametrize("number", TERMINATION_SIGNALS)
@pytest.mark.usefixtures("handlers")
def test_no_worker_is_left_or_started_any_more_by_whoever_was_told_to_stop(number):
    def commands() -> Iterator[tuple[str, list[str]]]:
        yield "one", process("import time; time.sleep(600)")
        os.kill(os.getpid(), number)
        yield "other", process("import time; time.sleep(600)")

    assert run_each(commands()) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no terminals of this kind there")
@pytest.mark.parametrize("stdin", ["a terminal", "nothing"])
def test_a_terminal_s_ctrl_c_is_known_to_reach_all_whatever_stdin_is(stdin: str):
    import pty  # not on Windows

    code = "from deepchord.worker.service.supervisor import _is_in_foreground; print('in front:', _is_in_foreground())"
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"]
    if stdin == "nothing":
        command = ["sh", "-c", f"{shlex.join(command)} < /dev/null"]
    main, terminal = pty.openpty()
    # The child of a new session takes the first terminal that it opens for its own.
    opens = f"import os, sys; os.open({os.ttyname(terminal)!r}, os.O_RDWR); os.execvp(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", opens, *command],
        stdin=terminal,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    without = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    os.close(main)
    os.close(terminal)

    assert (done.stdout, without.stdout) == ("in front: True\n", "in front: False\n")


@pytest.mark.usefixtures("handlers")
def test_workers_are_stopped_while_the_machine_is_used_and_started_again_by_themselves(tmp_path):
    starts = tmp_path / "starts"
    code = (
        f"import pathlib, time; starts = pathlib.Path({str(starts)!r}); before = starts.exists() and starts.read_text()"
        "; starts.write_text(f'{before or str()}x'); before or time.sleep(600)"
    )
    waited: list[str | None] = []

    def look() -> Decision:
        if not (starts.exists() and starts.read_text()):
            return Work()
        return Wait(reason="until 19:00") if waited.count("until 19:00") < 2 else Work()

    assert run_each([("one", process(code))], look, waited.append) == 0

    assert starts.read_text() == "xx", "it was stopped, started again, and ended by itself"
    assert waited == [None, "until 19:00", "until 19:00", None, None]


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("in_terminal", [True, False])
def test_whoever_waits_for_the_machine_can_be_stopped_and_has_started_nothing(monkeypatch, number, in_terminal):
    monkeypatch.setattr(supervisor, "_is_in_foreground", lambda: in_terminal)

    def commands() -> Iterator[tuple[str, list[str]]]:
        raise AssertionError("nothing is to be planned before the machine may be used")
        yield "one", []

    def stop(reason: str | None) -> None:
        if reason is not None:
            os.kill(os.getpid(), number)

    assert run_each(commands(), lambda: Wait(reason="until 19:00"), stop) == 0


@pytest.mark.usefixtures("handlers")
def test_workers_whose_time_is_up_are_stopped_for_good(tmp_path):
    decisions = iter([Work(), End(reason="its time is up")])
    goes_on = f"import time, pathlib; time.sleep(600); pathlib.Path({str(tmp_path / 'went_on')!r}).touch()"

    assert run_each([("one", process(goes_on))], lambda: next(decisions, End(reason="its time is up"))) == 0

    assert not (tmp_path / "went_on").exists()


@pytest.mark.usefixtures("handlers")
def test_a_worker_that_dies_while_it_is_to_wait_is_told(tmp_path):
    ready = tmp_path / "ready"
    code = (
        "import signal, time, pathlib; signal.signal(signal.SIGTERM, lambda *_: exit(3)); "
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(600)"
    )

    assert run_each([("one", process(code))], lambda: Wait(reason="x") if ready.exists() else Work()) == 2
