import os
import platform
import signal
import stat
import sys
import time
from pathlib import Path

import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deepchord.coordinator.local import LocalSession, local_session
from deepchord.coordinator.local import session as session_module
from deepchord.coordinator.runs import drain
from deepchord.shared.errors import BrokerError, InputError, InterruptedRunError, RunCancelledError, WorkersStoppedError
from deepchord.shared.queue import create_app
from deepchord.shared.settings import Settings, load_settings

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker on Windows")]

HERE = Path(__file__).parent
TINY_WORKER = (
    sys.executable,
    "-c",
    f"import sys; sys.path[:0] = ['{HERE.parents[2]}', '{HERE}']; from tiny_app import app; "
    "app.worker_main(sys.argv[1:])",
)
IDLE_WORKER = (sys.executable, "-c", "import time; time.sleep(1000)")
FAILING_WORKER = (sys.executable, "-c", "raise SystemExit('no engine is installed')")
#: Ends with the code, or by the signal, that follows, when there is a file for it.
TOLD_WORKER = (
    sys.executable,
    "-c",
    """import os, pathlib, sys, time
number = next(word for word in sys.argv if word.startswith("local")).removeprefix("local").partition("@")[0]
while not pathlib.Path(os.environ["DEEPCHORD_STATE"], "release" + number).exists():
    time.sleep(0.01)
print("ending", flush=True)
code = int(sys.argv[1])
os.kill(os.getpid(), -code) if code < 0 else sys.exit(code)
""",
)
REFUSED_WORKER = (sys.executable, "-c", "print('no device'); raise SystemExit(2)")
GIVING_UP_WORKER = (sys.executable, "-c", "print('its processes died'); raise SystemExit(4)")
DEVICE_WORKER = (
    sys.executable,
    "-c",
    "import os, time; print(os.environ['DEEPCHORD_DEVICE'], flush=True); time.sleep(1000)",
)
STUBBORN_WORKER = (
    sys.executable,
    "-c",
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)']); "
    "print('stubborn', flush=True); time.sleep(1000)",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(state=tmp_path / "state")


#: What other tests of this process started and still need, the common broker for one.
others: set[psutil.Process] = set()


@pytest.fixture(autouse=True)
def _know_the_others() -> None:
    others.clear()
    others.update(psutil.Process().children(recursive=True))


def processes() -> list[psutil.Process]:
    return [process for process in psutil.Process().children(recursive=True) if process not in others]


def alive(those: list[psutil.Process]) -> list[psutil.Process]:
    return psutil.wait_procs(those, timeout=10)[1]


def folder_of(settings: Settings) -> Path:
    (folder,) = (path for path in (settings.state / "local").iterdir() if path.is_dir())
    return folder


def logs_of(settings: Settings) -> dict[str, str]:
    return {path.name: path.read_text() for path in (settings.state / "logs").rglob("*.log")}


def add(session: LocalSession) -> int:
    with create_app(session.settings) as app:
        task = app.send_task("tiny.add", args=[1, 2])
        while app.backend.get_task_meta(task.id)["status"] != "SUCCESS":  # ended by pytest's timeout, if need be
            time.sleep(0.05)
        return app.backend.get_task_meta(task.id)["result"]


def kill_last_worker() -> None:
    kill(max(processes(), key=lambda process: (process.create_time(), process.pid)))


def kill_broker() -> None:
    (broker,) = (process for process in processes() if "valkey" in process.name())
    kill(broker)


def kill(process: psutil.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    while process.status() != psutil.STATUS_ZOMBIE:
        pass


def check_for_ever(session: LocalSession) -> None:
    while True:
        session.check()


def release(settings: Settings, number: int) -> None:
    (settings.state / f"release{number}").touch()


def test_a_task_goes_to_a_worker_and_its_result_comes_back(settings):
    with local_session(settings, 2, worker_command=TINY_WORKER) as session:
        assert add(session) == 3
        session.check()


def test_at_the_end_nothing_runs_and_nothing_is_left_on_disk(settings):
    with local_session(settings, 2, worker_command=TINY_WORKER) as session:
        add(session)
        started = processes()

    assert len(started) >= 4  # the broker, two workers and the child that trained
    assert alive(started) == []
    assert [path.name for path in (settings.state / "local").iterdir()] == ["gate"]
    assert logs_of(settings) == {}


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (ZeroDivisionError, {"broker.log", "worker-1.log"}),
        (KeyboardInterrupt, set()),
        (InterruptedRunError("Interrupted"), set()),
        (RunCancelledError("Run x is cancelled"), set()),
    ],
)
def test_an_error_stops_everything_and_keeps_the_logs_and_ctrl_c_does_not(settings, error, kept):
    started = []

    def block() -> None:
        with local_session(settings, worker_command=TINY_WORKER) as session:
            add(session)
            started.extend(processes())
            raise error

    with pytest.raises(type(error) if isinstance(error, Exception) else error):
        block()

    assert len(started) >= 3
    assert alive(started) == []
    assert set(logs_of(settings)) == kept


def test_a_worker_that_will_not_end_is_killed_with_its_children(settings):
    with local_session(settings, worker_command=STUBBORN_WORKER, grace_s=0.2):
        while "stubborn" not in logs_of(settings).get("worker-1.log", ""):
            pass
        started = processes()

    assert len(started) == 3
    assert alive(started) == []


def test_the_broker_refuses_whoever_has_no_password(settings):
    with local_session(settings, worker_command=IDLE_WORKER) as session:
        port = redis.connection.parse_url(session.settings.broker)["port"]
        with redis.Redis(port=port, retry=Retry(NoBackoff(), 0)) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_the_password_is_in_no_command_line_and_in_no_log(settings):
    with local_session(settings, worker_command=TINY_WORKER) as session:
        add(session)
        password = redis.connection.parse_url(session.settings.broker)["password"]
        arguments = [" ".join(process.cmdline()) for process in processes()]
        logs = logs_of(settings)

    assert len(password) > 20
    assert not [line for line in arguments if password in line]
    assert set(logs) == {"broker.log", "worker-1.log"}
    assert not [name for name, text in logs.items() if password in text]


def test_only_the_owner_can_read_what_a_session_keeps(settings):
    with local_session(settings, worker_command=IDLE_WORKER):
        folder = folder_of(settings)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]}

    assert modes == {
        folder.name: 0o700, "data": 0o700, "lock": 0o600, "session.json": 0o600, "valkey.conf": 0o600,
    }  # fmt: skip


def test_what_is_queued_outlives_the_death_of_the_broker(settings):
    with local_session(settings, worker_command=IDLE_WORKER) as session:
        with redis.Redis.from_url(session.settings.broker) as client:
            client.rpush("queue", "task")
        assert list(folder_of(settings).glob("data/appendonlydir/*.aof"))
        kill_broker()

        session.check()

        with redis.Redis.from_url(session.settings.broker) as client:
            assert client.lrange("queue", 0, -1) == [b"task"]


def test_a_worker_that_dies_is_started_anew_three_times(settings):
    with local_session(settings, 2, worker_command=IDLE_WORKER) as session:
        for _ in range(3):
            kill_last_worker()
            session.check()
            assert len(processes()) == 3
        kill_last_worker()

        with pytest.raises(WorkersStoppedError, match=r"Worker 2 on this machine ended 4 times.* signal SIGKILL"):
            session.check()


def test_a_worker_that_ran_for_long_before_it_died_is_started_anew_as_often_as_it_takes(settings, monkeypatch):
    monkeypatch.setattr("deepchord.coordinator.local.session._STABLE_AFTER_S", 0.0)
    with local_session(settings, 2, worker_command=IDLE_WORKER) as session:
        for _ in range(5):
            kill_last_worker()
            session.check()

        assert len(processes()) == 3


@pytest.mark.parametrize("code", ["0", "-15"])
def test_a_worker_that_was_told_to_stop_stays_away_and_the_last_one_ends_the_session(settings, caplog, code):
    with local_session(settings, 2, worker_command=(*TOLD_WORKER, code)) as session:
        release(settings, 1)
        while not caplog.records:
            session.check()
        assert [record.message for record in caplog.records] == ["Worker 1 was told to stop; the others go on."]
        session.check()
        release(settings, 2)

        with pytest.raises(WorkersStoppedError, match="The last worker on this machine was told to stop"):
            check_for_ever(session)


def test_a_worker_that_is_refused_again_and_again_stays_away_unless_it_is_the_last(settings, caplog):
    with local_session(settings, 2, worker_command=(*TOLD_WORKER, "2")) as session:
        release(settings, 2)
        while len(caplog.records) < 4:
            session.check()
        assert [record.message for record in caplog.records] == [
            *["Worker 2 ended (exit code 2) and is started anew."] * 3,
            "Worker 2 was refused (ending); the others go on.",
        ]
        release(settings, 1)

        with pytest.raises(WorkersStoppedError, match=r"Worker 1 on this machine ended 4 times.* exit code 2"):
            check_for_ever(session)


def test_workers_that_are_all_refused_end_the_session_with_the_log_of_one(settings):
    with local_session(settings, 3, worker_command=REFUSED_WORKER) as session:
        with pytest.raises(WorkersStoppedError) as caught:
            check_for_ever(session)

        assert str(caught.value).endswith("no device")


def test_a_worker_that_gave_up_its_processes_is_not_started_anew(settings):
    with local_session(settings, worker_command=GIVING_UP_WORKER) as session:
        with pytest.raises(WorkersStoppedError) as caught:
            check_for_ever(session)

        assert str(caught.value).startswith("Worker 1 on this machine ended with exit code 4; its log ")
        assert str(caught.value).endswith("its processes died")


def test_workers_have_the_devices_in_turn(settings):
    expected = {"worker-1.log": "gpu:0\n", "worker-2.log": "gpu:1\n", "worker-3.log": "gpu:0\n"}

    with local_session(settings, 3, devices=("gpu:0", "gpu:1"), worker_command=DEVICE_WORKER) as session:
        while not all(logs_of(settings).get(name) for name in expected):
            session.check()

        assert {name: logs_of(settings)[name] for name in expected} == expected


def test_a_worker_that_fails_at_once_is_reported_with_the_end_of_its_log(settings):
    with local_session(settings, worker_command=FAILING_WORKER) as session:
        with pytest.raises(WorkersStoppedError) as caught:
            check_for_ever(session)
        message = str(caught.value)

    assert "Worker 1" in message
    assert "exit code 1" in message
    assert "worker-1.log" in message
    assert message.endswith("no engine is installed")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "ascii"])
def test_the_end_of_a_log_can_be_read_whatever_the_terminal_takes(settings, monkeypatch, encoding):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    worker = [sys.executable, "-c", "import sys; sys.exit('größer als erlaubt')"]

    with (
        local_session(settings, worker_command=worker) as session,
        pytest.raises(WorkersStoppedError, match=r"größer als erlaubt$"),
    ):
        check_for_ever(session)


def test_a_broker_that_cannot_come_back_is_reported(settings):
    with local_session(settings, worker_command=IDLE_WORKER) as session:
        (folder_of(settings) / "valkey.conf").write_text("no such option\n")
        kill_broker()

        with pytest.raises(WorkersStoppedError, match="no such option"):
            session.check()


def test_a_worker_command_that_does_not_exist_stops_the_start(settings):
    command = ("/no/such/python",)
    with pytest.raises(WorkersStoppedError, match="/no/such/python"), local_session(settings, worker_command=command):
        pass

    assert processes() == []


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    settings = load_settings(state=tmp_path / "file")

    with pytest.raises(BrokerError, match="DEEPCHORD_STATE"), local_session(settings, worker_command=IDLE_WORKER):
        pass


def test_the_cores_are_shared_between_the_workers_unless_threads_are_set(settings, monkeypatch):
    monkeypatch.setattr(session_module, "usable_cores", lambda: 5)
    with local_session(settings, 2, worker_command=IDLE_WORKER) as session:
        assert session.settings.threads == 2
    with local_session(load_settings(state=settings.state, threads=4), 2, worker_command=IDLE_WORKER) as session:
        assert session.settings.threads == 4


def test_a_folder_named_worker_where_the_command_is_given_is_not_taken_for_ours(settings, tmp_path, monkeypatch):
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "app.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parents[2]), os.environ.get("PYTHONPATH", "")]))

    with local_session(settings) as session, create_app(session.settings) as app:
        while not app.control.ping(timeout=1.0):
            session.check()


def test_real_workers_that_are_drained_by_a_part_of_the_name_and_by_pattern_stay_away(settings, caplog):
    with local_session(settings, 2) as session, create_app(session.settings) as app:
        while len(app.control.ping(timeout=1.0)) < 2:
            session.check()

        with pytest.raises(InputError, match=f"local could mean local1@{platform.node()}, local2@{platform.node()}"):
            drain(app, "local")
        assert drain(app, "local1") == [f"local1@{platform.node()}"]
        while not caplog.records:
            session.check()
        assert caplog.records[0].message == "Worker 1 was told to stop; the others go on."

        assert drain(app, "local*") == [f"local2@{platform.node()}"]
        with pytest.raises(WorkersStoppedError, match="The last worker on this machine was told to stop"):
            check_for_ever(session)


def test_a_real_worker_that_cannot_go_on_is_started_anew(settings, caplog):
    with local_session(settings) as session, create_app(session.settings) as app:
        while not app.control.ping(timeout=1.0):
            session.check()
        with redis.Redis.from_url(session.settings.broker) as client:
            client.acl_setuser("default", enabled=True, commands=["-brpop"])  # how it takes tasks
            while not caplog.records:
                session.check()
            client.acl_setuser("default", enabled=True, commands=["+brpop"])

        assert caplog.records[0].message == "Worker 1 ended (exit code 1) and is started anew."
        while not app.control.ping(timeout=1.0):
            session.check()


def test_on_windows_it_says_what_to_do_instead(settings, monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(sys, "platform", "win32")
        with pytest.raises(BrokerError, match="Linux and macOS only"), local_session(settings):
            pass


def test_two_sessions_run_side_by_side(settings):
    with (
        local_session(settings, worker_command=TINY_WORKER) as first,
        local_session(settings, worker_command=TINY_WORKER) as second,
    ):
        assert first.settings.broker != second.settings.broker
        assert add(first) == add(second) == 3
