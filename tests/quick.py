"""`--quick`: the tests that start no process, for while one writes code.

Nobody keeps a list of them: a test that is about to start a process is skipped at that moment, so what is left has
started none.
"""

import _posixsubprocess
import sys
import threading
from collections.abc import Generator
from typing import NoReturn

import pytest

#: What Python tells its audit hooks before it starts a process.
_STARTS = frozenset(
    {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "os.exec", "pty.spawn"}
)
_REASON = "starts a process: `make test` runs it"


class Quick:
    """A plugin that lets no test start a process."""

    def __init__(self) -> None:
        self._in_a_test = False
        self._tried: set[str] = set()
        sys.addaudithook(self._hear)
        # multiprocessing and billiard start their processes with it, and no hook is told.
        self._fork_exec = _posixsubprocess.fork_exec
        _posixsubprocess.fork_exec = self._start

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Take note of when a test begins and ends: pytest itself may start processes."""
        self._in_a_test = True
        try:
            return (yield)
        finally:
            self._in_a_test = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Count a test as skipped also if something caught what should have ended it, or went on without a process."""
        report = yield
        if self._tried and report.when != "teardown":
            report.outcome, report.longrepr = "skipped", (str(item.path), None, f"Skipped: {_REASON}")
        self._tried.clear()
        return report

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._in_a_test and event in _STARTS:
            self._refuse(event)

    def _start(self, *arguments: object) -> int:
        if self._in_a_test:
            self._refuse("fork_exec")
        return int(self._fork_exec(*arguments))

    def _refuse(self, event: str) -> NoReturn:
        if threading.current_thread() is threading.main_thread():  # else it may be a thread of an earlier test
            self._tried.add(event)
        pytest.skip(_REASON)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--quick`."""
    parser.addoption("--quick", action="store_true", help="skip every test that is about to start a process")


def pytest_configure(config: pytest.Config) -> None:
    """Watch over the tests if asked to."""
    if config.getoption("--quick"):
        config.pluginmanager.register(Quick(), "quick")
