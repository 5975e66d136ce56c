import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from deepchord.coordinator.local import live_sessions, local_session, session_of
from deepchord.coordinator.local.leftovers import SESSION_VARIABLE, stop_leftovers
from deepchord.coordinator.local.processes import ProcessIdentity
from deepchord.coordinator.local.session_folder import SessionFolder, SessionRecord, session_folders
from deepchord.shared.settings import Settings, load_settings

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker on Windows")]

COORDINATOR = Path(__file__).parent / "stand_in_coordinator.py"
IDLE = (sys.executable, "-c", "import time; time.sleep(1000)")
WITH_A_CHILD = (
    sys.executable,
    "-c",
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)']); "
    "print('has a child', flush=True); time.sleep(1000)",
)
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('asked to end', flush=True)); "
    "print('stubborn', flush=True)\nwhile True: time.sleep(1000)",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(state=tmp_path / "state")


class Coordinator:
    """A coordinator in a process of its own, and all that it started."""

    def __init__(self, settings: Settings, worker_command: tuple[str, ...]) -> None:
        command = [sys.executable, "-W", "error", str(COORDINATOR), str(settings.state), *worker_command]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.ended = False
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"open\n"

    def started(self, count: int) -> list[psutil.Process]:
        """Wait until it has so many descendants, and return them."""
        while len(found := psutil.Process(self.process.pid).children(recursive=True)) < count:
            pass
        return found

    def end(self, *signals: signal.Signals) -> int:
        for number in signals:
            self.process.send_signal(number)
        self.process.communicate(timeout=60)
        self.ended = True
        return self.process.returncode


@pytest.fixture
def start_coordinator(settings) -> Iterator:
    coordinators: list[Coordinator] = []
    started: list[psutil.Process] = []

    def start(worker_command: tuple[str, ...] = IDLE, count: int = 3) -> tuple[Coordinator, list[psutil.Process]]:
        coordinator = Coordinator(settings, worker_command)
        family = coordinator.started(count)
        coordinators.append(coordinator)
        started.extend(family)
        return coordinator, family

    yield start
    for coordinator in coordinators:
        if not coordinator.ended:
            coordinator.end(signal.SIGKILL)
    for process in started:
        if process.is_running():
            process.kill()
    psutil.wait_procs(started, timeout=10)


@pytest.fixture
def stranger() -> Iterator[psutil.Process]:
    with subprocess.Popen(IDLE) as process:
        yield psutil.Process(process.pid)
        process.kill()


def alive(those: list[psutil.Process]) -> list[psutil.Process]:
    return psutil.wait_procs(those, timeout=10)[1]


def dead_session(settings: Settings) -> SessionFolder:
    folder = SessionFolder.create(settings)
    folder.unlock()
    return folder


def log_texts(settings: Settings) -> str:
    return "".join(path.read_text() for path in (settings.state / "logs").rglob("worker-*.log"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_ctrl_c_sigterm_sigquit_and_a_hangup_stop_all_that_a_coordinator_started(settings, start_coordinator, number):
    coordinator, family = start_coordinator()

    assert coordinator.end(number) != 0

    assert alive(family) == []
    assert session_folders(settings) == []


def test_ctrl_c_while_stopping_kills_what_does_not_end(settings, start_coordinator):
    coordinator, family = start_coordinator(STUBBORN)
    while log_texts(settings).count("stubborn") < 2:
        pass

    coordinator.process.send_signal(signal.SIGINT)
    while "asked to end" not in log_texts(settings):
        pass
    coordinator.end(signal.SIGINT)  # well before the 60 s that the workers are given

    assert alive(family) == []
    assert session_folders(settings) == []


def test_what_a_killed_coordinator_left_is_stopped_and_a_live_session_is_not(settings, start_coordinator):
    killed, left = start_coordinator(WITH_A_CHILD, count=5)
    _, untouched = start_coordinator(WITH_A_CHILD, count=5)
    killed.end(signal.SIGKILL)
    assert all(process.is_running() for process in left)

    stop_leftovers(settings)

    assert alive(left) == []
    assert all(process.is_running() for process in untouched)
    assert len(session_folders(settings)) == 1


def test_the_next_session_stops_what_was_left(settings, start_coordinator):
    killed, left = start_coordinator()
    killed.end(signal.SIGKILL)

    with local_session(settings, worker_command=IDLE):
        assert alive(left) == []
        assert len(session_folders(settings)) == 1


def test_a_child_whose_worker_is_gone_is_stopped_too(settings, start_coordinator):
    killed, left = start_coordinator(WITH_A_CHILD, count=5)
    killed.end(signal.SIGKILL)
    children = [process for process in left if process.ppid() in {other.pid for other in left}]
    for process in left:
        if process not in children:
            process.kill()
    assert len(children) == 2

    stop_leftovers(settings)

    assert alive(left) == []


def test_a_process_that_has_a_recorded_number_by_now_is_left_alone(settings, stranger):
    folder = dead_session(settings)
    earlier = ProcessIdentity(pid=stranger.pid, started_at_s=stranger.create_time() - 3600)
    folder.write(SessionRecord(processes=(earlier,)))

    stop_leftovers(settings)

    assert stranger.is_running()
    assert session_folders(settings) == []


def test_a_process_is_known_by_number_and_start_where_its_environment_says_nothing(settings, stranger):
    folder = dead_session(settings)
    identity = ProcessIdentity(pid=stranger.pid, started_at_s=stranger.create_time())
    folder.write(SessionRecord(processes=(identity,)))

    stop_leftovers(settings)

    assert alive([stranger]) == []


@pytest.mark.parametrize("record", [None, b"{", b'{"unknown": 1}'])
def test_a_process_that_was_not_recorded_yet_is_found_by_its_environment(settings, record):
    folder = dead_session(settings)
    (folder.path / "session.json").unlink()
    if record is not None:
        (folder.path / "session.json").write_bytes(record)
    with subprocess.Popen(IDLE, env=os.environ | {SESSION_VARIABLE: folder.name}) as process:
        stop_leftovers(settings)

        assert process.wait(timeout=60) == -signal.SIGKILL
    assert session_folders(settings) == []


def test_the_folder_of_another_host_is_left_to_it(settings):
    folder = dead_session(settings)
    folder.write(SessionRecord(host="another"))

    stop_leftovers(settings)

    assert [found.name for found in session_folders(settings)] == [folder.name]


def test_a_folder_whose_lock_cannot_be_opened_is_left_alone(settings):
    folder = dead_session(settings)
    (folder.path / "lock").unlink()
    (folder.path / "lock").mkdir()

    stop_leftovers(settings)

    assert [found.name for found in session_folders(settings)] == [folder.name]


def test_without_any_session_there_is_nothing_to_do(settings):
    stop_leftovers(settings)

    assert live_sessions(settings) == []
    assert not settings.state.exists()


def test_the_broker_of_a_live_session_can_be_reached_from_elsewhere(settings, start_coordinator):
    start_coordinator()

    (session,) = live_sessions(settings)

    with redis.Redis.from_url(session.broker) as client:
        assert client.ping()


def test_the_broker_of_a_dead_session_is_not_offered(settings, start_coordinator):
    killed, _ = start_coordinator()
    killed.end(signal.SIGKILL)

    assert live_sessions(settings) == []


def test_the_broker_of_another_host_that_shares_the_home_folder_is_not_offered(settings):
    folder = SessionFolder.create(settings)
    record = SessionRecord(broker="redis://127.0.0.1:1/0", run_id="mine")
    folder.write(record)
    assert live_sessions(settings) == [record]

    folder.write(record.model_copy(update={"host": "another"}))

    assert live_sessions(settings) == []
    folder.remove()


def test_sessions_that_cannot_be_looked_at_are_not_known(settings):
    folder = SessionFolder.create(settings)
    folder.write(SessionRecord(broker="redis://127.0.0.1:1/0", run_id="mine"))
    (folder.path.parent / "gate").unlink(missing_ok=True)
    (folder.path.parent / "gate").mkdir()

    assert live_sessions(settings) == []
    folder.remove()


def test_a_state_folder_of_another_user_is_none_of_ours(settings, monkeypatch):
    def deny(_: Settings) -> list[SessionFolder]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("deepchord.coordinator.local.leftovers.session_folders", deny)

    assert session_of(settings, "mine") is None


def test_each_run_is_found_with_the_session_that_was_started_for_it(settings):
    with (
        local_session(settings, run_id="one", worker_command=IDLE) as one,
        local_session(settings, run_id="two", worker_command=IDLE) as two,
    ):
        found = [session_of(settings, run_id) for run_id in ("one", "two", "three")]

        assert [session and session.broker for session in found] == [one.settings.broker, two.settings.broker, None]
