"""What is read of this machine, and how it is understood."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.worker.availability import Observer, observer
from deepchord.worker.availability.graphics import others, parse_processes
from deepchord.worker.availability.input_devices import (
    InputDevices,
    graphical_idle_s,
    input_interrupts,
    mac_idle_s,
    terminals_idle_s,
)
from deepchord.worker.availability.memory_limit import too_large
from deepchord.worker.availability.processor_load import LoadMeter, ProcessorTimes, load_of_others, read_times
from tests.waiting import wait_until

SECONDS = st.floats(0, 1e6)


@given(at_s=SECONDS, passed_s=st.floats(0.1, 100), busy_s=SECONDS, own_s=SECONDS, own=st.floats(0, 8), other=SECONDS)
def test_what_the_own_processes_do_is_no_load_of_others(at_s, passed_s, busy_s, own_s, own, other):
    before = ProcessorTimes(at_s=at_s, busy_s=busy_s, own_s=own_s)
    after = ProcessorTimes(at_s=at_s + passed_s, busy_s=busy_s + (own + other) * passed_s, own_s=own_s + own * passed_s)

    assert load_of_others(before, after) == pytest.approx(other, abs=1e-4 * (1 + busy_s + own_s + other))


@pytest.mark.parametrize(("passed_s", "own_s"), [(0.0, 1.0), (-1.0, 1.0), (1.0, -1.0)])
def test_nothing_can_be_told_without_time_or_after_a_process_has_vanished(passed_s, own_s):
    before = ProcessorTimes(at_s=10, busy_s=10, own_s=10)

    assert load_of_others(before, ProcessorTimes(at_s=10 + passed_s, busy_s=12, own_s=10 + own_s)) is None


def test_the_load_is_that_of_the_last_second():
    read = [ProcessorTimes(at_s=at / 2, busy_s=busy, own_s=0.0) for at, busy in enumerate((0.0, 0.0, 0.0, 1.0, 2.0))]
    seen = iter(read)
    meter = LoadMeter(lambda: next(seen))

    assert [meter.load() for _ in range(4)] == [None, 0.0, 1.0, 2.0]


def test_what_a_descendant_computes_is_the_own_work_also_when_it_has_ended():
    computes = "import time\nwhile time.process_time() < 0.3: pass"
    command = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {computes!r}])"]
    before = read_times(time.monotonic)

    subprocess.run(command, check=True)

    after = read_times(time.monotonic)
    assert after.own_s - before.own_s >= 0.3
    assert after.busy_s > before.busy_s


def test_a_terminal_that_was_read_last_tells_when_somebody_typed(tmp_path: Path):
    now = time.time()
    (tmp_path / "pts").mkdir()
    for name, read_ago_s in (("pts/0", 500), ("pts/1", 100), ("tty1", 9000), ("pts/ptmx", 1)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (now - read_ago_s, now))

    assert terminals_idle_s(tmp_path) == pytest.approx(100, abs=60)
    assert terminals_idle_s(tmp_path / "pts") is None


SESSIONS = """Type=tty
IdleHint=no
IdleSinceHint=990000000

Type={type}
IdleHint={idle}
IdleSinceHint={since}
"""


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (("wayland", "yes", 400_000_000), 600.0),
        (("x11", "no", 400_000_000), 0.0),
        (("x11", "no", 0), None),
        (("tty", "yes", 400_000_000), None),
    ],
)
def test_a_desktop_that_tells_it_is_believed_and_one_that_never_does_is_not(session, expected):
    type_, idle, since = session

    assert graphical_idle_s(SESSIONS.format(type=type_, idle=idle, since=since), now_s=1000.0) == expected


def test_only_built_in_keyboards_and_touchpads_are_told_apart_from_other_devices():
    lines = [
        "  1:   901   0  IO-APIC   1-edge      i8042",
        " 16:  9999   0  IO-APIC  16-fasteoi   xhci_hcd",
        " 51:   200   0  intel-gpio  3  ELAN0001:00",
    ]

    assert input_interrupts("\n".join(lines)) == "\n".join([lines[0], lines[2]])


def test_a_mac_tells_it_in_billionths_of_a_second():
    assert mac_idle_s('  | |   "HIDIdleTime" = 83000000000\n') == 83.0
    assert mac_idle_s("") is None


def test_programs_on_a_gpu_are_those_of_others_that_exist_here():
    gone = subprocess.Popen(["true"])
    gone.wait()
    own, other = psutil.Process().pid, psutil.Process().ppid()
    found = parse_processes(f"{own}, /usr/bin/python3\n{other}, /opt/games/chess\n{gone.pid}, [Not Found]\nno line\n")

    assert found == {own: "python3", other: "chess", gone.pid: "[Not Found]"}
    assert others(found, {own}) == (f"chess ({other})",)


@given(used=st.dictionaries(st.integers(1, 99), st.integers(0, 1000), max_size=5), limit=st.integers(0, 3000))
def test_the_largest_process_is_ended_only_if_all_together_have_too_much(used, limit):
    chosen = too_large(used, limit)

    assert (chosen is None) is (sum(used.values()) <= limit)
    assert chosen is None or used[chosen] == max(used.values())


def test_what_cannot_be_known_is_told_once(monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(observer, "gpu_processes", lambda: None)
    monkeypatch.setattr(InputDevices, "idle_s", lambda _: None)

    seen = Observer(when_idle=True)

    (told,) = [record.message for record in caplog.records]
    assert told.startswith(
        "Cannot be known on this machine, and is not waited for: whether keyboard and mouse are used"
    )
    assert "who uses its GPU" in told
    assert seen.observe().input_idle_s is None
    wait_until(lambda: seen.observe().load_of_others is not None, "a second of load")
    assert len(caplog.records) == 1


def test_a_machine_that_need_not_be_idle_is_not_looked_at():
    seen = Observer(when_idle=False).observe()

    assert (seen.input_idle_s, seen.load_of_others, seen.on_mains, seen.gpu_users) == (None, None, None, None)
    assert seen.elapsed_s >= 0
