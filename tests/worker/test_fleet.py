import signal
import sys

import pytest

from shared.errors import EngineError
from shared.settings import load_settings
from worker import fleet
from worker.devices import EngineReport
from worker.engines import Device
from worker.fleet import assign, claimed, command_of, find_assignments, run_each, worker_name

CPU = Device(id="CPU:0", kind="cpu", name="CPU")
LLVM = Device(id="llvm_cpu.0", kind="cpu", name="CPU (via LLVM)")
POCL = Device(id="opencl_pocl.0", kind="cpu", name="PoCL")


def gpu(number: int, name: str = "Radeon Pro 5300M") -> Device:
    return Device(id=f"gpu:{number}", kind="gpu", name=name)


def report(name: str, *devices: Device) -> EngineReport:
    return EngineReport(name=name, ready=bool(devices), devices=devices, remedy=None if devices else "broken")


def assigned(*reports: EngineReport) -> list[tuple[str, str]]:
    return [(one.engine, one.device.id) for one in assign(reports)]


def test_one_processor_is_given_to_the_first_engine_alone():
    assert assigned(report("tensorflow", CPU), report("torch", CPU)) == [("tensorflow", "CPU:0")]
    assert assigned(report("plaidml", POCL, LLVM)) == [("plaidml", "opencl_pocl.0")]


def test_every_gpu_has_a_worker_and_the_processor_then_has_none():
    assert assigned(report("plaidml", gpu(0), gpu(1), LLVM)) == [("plaidml", "gpu:0"), ("plaidml", "gpu:1")]


def test_two_engines_do_not_share_a_gpu():
    assert assigned(report("torch", gpu(0)), report("jax", gpu(0), gpu(1, "Another"))) == [
        ("torch", "gpu:0"),
        ("jax", "gpu:1"),
    ]


def test_an_engine_that_is_not_ready_gets_nothing():
    assert assigned(report("tensorflow"), report("torch", CPU)) == [("torch", "CPU:0")]


def test_without_any_ready_engine_it_is_said_why(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fleet, "installed_engines", lambda: ("torch",))
    monkeypatch.setattr(fleet, "report_engine", lambda name, settings: report(name))

    with pytest.raises(EngineError, match=r"No engine is ready on this machine \(torch: broken\)"):
        find_assignments(load_settings())


@pytest.mark.skipif(sys.platform == "win32", reason="no locks between processes there")
def test_silicon_is_claimed_by_one_at_a_time():
    settings = load_settings()

    with claimed(settings, "processor") as first, claimed(settings, "processor") as second:
        assert (first, second) == (True, False)
    with claimed(settings, "processor") as again:
        assert again


@pytest.mark.parametrize(
    ("engine", "device", "name"),
    [
        ("tensorflow", "GPU:1", "tensorflow-GPU-1@%h"),
        ("plaidml", "metal_amd_radeon_pro_5300m.0", "plaidml-metal_amd_radeon_pro_5300m.0@%h"),
        ("jax", None, "jax@%h"),
    ],
)
def test_a_worker_is_named_for_its_engine_and_device(engine, device, name):
    assert worker_name(engine, device) == name


def test_a_worker_that_ends_badly_does_not_end_the_others():
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        well, badly = [sys.executable, "-c", ""], [sys.executable, "-c", "raise SystemExit(3)"]
        assert run_each([("one", well), ("other", well)]) == 0
        assert run_each([("one", badly), ("other", well)]) == 2
    finally:
        signal.signal(signal.SIGINT, handlers[0])
        signal.signal(signal.SIGTERM, handlers[1])


def test_the_command_of_a_worker_names_engine_and_device():
    (assignment,) = assign([report("plaidml", POCL)])

    command = command_of(assignment, "info")

    assert command[0] == sys.executable
    assert command[-7:] == ["worker", "--engine", "plaidml", "--device", "opencl_pocl.0", "--loglevel", "info"]
