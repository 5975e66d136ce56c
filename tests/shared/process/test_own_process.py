import json
import os
import sys
from pathlib import Path

import pytest

from deepchord.shared.process import ProcessResult, command_for, run_function
from tests.waiting import PATIENCE_S


def tell(*arguments: str) -> None:
    sys.stdout.write(json.dumps({"given": arguments, "argv": sys.argv[1:], "variable": os.environ.get("GIVEN")}) + "\n")
    sys.stderr.write("what is wrong\n  at last  \n" + "\n")


def kill_itself() -> None:
    os.kill(os.getpid(), 9)


def leave_with(code: str) -> None:
    raise SystemExit(int(code))


def read_stdin() -> None:
    sys.stdout.write(repr(sys.stdin.read()) + "\n")


def sleep() -> None:
    import time

    time.sleep(1000)


def run(function, *arguments: str, **options) -> ProcessResult:
    return run_function(function, *arguments, **{"environment": None, "within_s": PATIENCE_S, **options})


def test_a_function_is_called_with_its_arguments_and_the_environment_that_was_given():
    ended = run(tell, "one", "two words", environment=os.environ | {"GIVEN": "this"})

    assert (ended.code, ended.signal, ended.last_error) == (0, None, "at last")
    assert json.loads(ended.output) == {"given": ["one", "two words"], "argv": ["one", "two words"], "variable": "this"}


def test_a_function_that_is_only_named_is_imported_there():
    ended = run("platform:python_version")

    assert ended == ProcessResult(code=0)


@pytest.mark.parametrize(("function", "code", "signal"), [(leave_with, 3, None), (kill_itself, -9, "SIGKILL")])
def test_it_is_told_how_a_process_ended(function, code, signal):
    ended = run(function, *(["3"] if function is leave_with else []))

    assert (ended.code, ended.signal, ended.last_error) == (code, signal, None)


def test_a_process_that_takes_too_long_is_stopped():
    assert run(sleep, within_s=0.5) == ProcessResult(code=None)


def test_a_process_reads_nothing_and_writes_where_this_one_does_if_nothing_is_captured(capfd):
    assert run(read_stdin, capture=False) == ProcessResult(code=0)
    assert capfd.readouterr().out == "''\n"


def test_modules_come_from_deepchord_and_not_from_the_folder_that_a_process_is_started_in(tmp_path, monkeypatch):
    for name in ("shared", "platform"):
        Path(tmp_path, f"{name}.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)

    assert run("deepchord.shared.version:version").code == 0
    assert run("platform:python_version").code == 0


def test_the_command_ends_with_what_the_function_is_called_with():
    assert command_for(tell, "a", "b")[-3:] == [f"{__name__}:tell", "a", "b"]
