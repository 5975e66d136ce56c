import errno
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deepchord.shared.errors import EngineError
from deepchord.shared.host import Tuning, WorkerSetup
from deepchord.shared.settings import load_settings
from deepchord.worker.devices import assignment, claim_device, find_assignments, plan_workers, with_name, worker_command
from deepchord.worker.devices.assignment import Assignment, Start, assign, worker_name
from deepchord.worker.devices.inspection import EngineReport
from deepchord.worker.engines import Device

CPU = Device(id="CPU:0", kind="cpu", name="CPU")
LLVM = Device(id="llvm_cpu.0", kind="cpu", name="CPU (via LLVM)")
POCL = Device(id="opencl_pocl.0", kind="cpu", name="PoCL")
TENSORFLOW = Assignment(engine="tensorflow", device=CPU, silicon="processor")
PLAIDML = Assignment(engine="plaidml", device=LLVM, silicon="processor")


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


def test_a_kind_of_device_can_be_asked_for():
    reports = report("jax", CPU), report("plaidml", gpu(0), LLVM)

    assert [one.device.id for one in assign(reports, "gpu")] == ["gpu:0"]
    assert [one.device.id for one in assign(reports, "cpu")] == ["CPU:0"]
    assert assign((report("plaidml", LLVM),), "gpu") == ()


def test_two_engines_do_not_share_a_gpu():
    assert assigned(report("torch", gpu(0)), report("jax", gpu(0), gpu(1, "Another"))) == [
        ("torch", "gpu:0"),
        ("jax", "gpu:1"),
    ]


def test_a_gpu_of_a_mac_has_one_worker_though_plaidml_lists_it_twice():
    amd = Device(id="metal_amd_radeon_pro_5300m.0", kind="gpu", name="AMD Radeon Pro 5300M (Metal)")
    intel = Device(id="metal_intel_uhd_graphics_630.0", kind="gpu", name="Intel UHD Graphics 630 (Metal)")
    twins = (
        Device(id="opencl_amd_radeon_pro_5300m_compute_engine.0", kind="gpu", name="AMD AMD Radeon Pro 5300M (OpenCL)"),
        Device(id="opencl_intel_uhd_graphics_630.0", kind="gpu", name="Intel Inc. UHD Graphics 630 (OpenCL)"),
    )

    assert [device for _, device in assigned(report("plaidml", amd, intel, *twins, LLVM))] == [amd.id, intel.id]
    assert [device for _, device in assigned(report("plaidml", *twins, LLVM))] == [twin.id for twin in twins]


def test_a_device_that_the_engine_s_own_settings_choose_is_the_only_one():
    second = replace(gpu(1), is_preferred=True)
    (found,) = assign([report("plaidml", gpu(0), second, LLVM)])

    assert (found.device, found.silicon) == (second, "radeon-pro-5300m-1")
    assert assigned(report("plaidml", gpu(0), replace(LLVM, is_preferred=True))) == [("plaidml", LLVM.id)]
    (asked,) = assign([report("plaidml", second, LLVM)], "cpu")
    assert asked.device == LLVM


def test_an_engine_that_is_not_ready_gets_nothing():
    assert assigned(report("tensorflow"), report("torch", CPU)) == [("torch", "CPU:0")]


def test_without_any_ready_engine_it_is_said_why(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(assignment, "installed_engines", lambda: ("torch",))
    monkeypatch.setattr(assignment, "report_engine", lambda name, settings: report(name))

    with pytest.raises(EngineError, match=r"No engine is ready on this machine \(torch: broken\)"):
        find_assignments(load_settings())


def test_without_a_gpu_that_was_asked_for_it_is_said_what_there_is_instead(monkeypatch: pytest.MonkeyPatch):
    found = EngineReport(name="plaidml", ready=True, devices=(LLVM,), hints=("no OpenCL found",))
    monkeypatch.setattr(assignment, "installed_engines", lambda: ("plaidml",))
    monkeypatch.setattr(assignment, "report_engine", lambda name, settings: found)

    with pytest.raises(EngineError, match=r"No GPU .*\(plaidml: has llvm_cpu.0; no OpenCL found\)"):
        find_assignments(load_settings(device="gpu"))


@pytest.mark.skipif(sys.platform == "win32", reason="no locks between processes there")
def test_silicon_is_claimed_by_one_at_a_time_and_the_other_is_told_with_what_engine():
    settings = load_settings()

    with claim_device(settings, TENSORFLOW) as first, claim_device(settings, PLAIDML) as second:
        assert (first, second) == (None, "tensorflow on CPU:0")
    with claim_device(settings, PLAIDML) as again, claim_device(settings, TENSORFLOW) as other:
        assert (again, other) == (None, "plaidml on llvm_cpu.0")


@pytest.mark.skipif(sys.platform == "win32", reason="no locks between processes there")
def test_hosts_that_share_a_home_folder_claim_their_own_silicon(monkeypatch: pytest.MonkeyPatch):
    settings = load_settings()

    with claim_device(settings, PLAIDML) as here:
        monkeypatch.setattr(assignment.platform, "node", lambda: "another-host")
        with claim_device(settings, PLAIDML) as there:
            assert (here, there) == (None, None)


@pytest.mark.skipif(sys.platform == "win32", reason="no locks between processes there")
def test_a_folder_that_has_no_locks_keeps_nobody_from_training(monkeypatch: pytest.MonkeyPatch, caplog):
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(assignment.fcntl, "flock", refuse)

    with claim_device(load_settings(), PLAIDML) as holder:
        assert holder is None
    assert "No locks available" in caplog.text


def test_a_system_without_locks_and_positioned_writes_keeps_nobody_from_training(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(assignment, "fcntl", None)
    for name in ("pread", "pwrite"):
        monkeypatch.delattr(assignment.os, name, raising=False)

    for one in (PLAIDML, TENSORFLOW, PLAIDML):
        with claim_device(load_settings(), one) as holder:
            assert holder is None


def test_a_state_folder_that_cannot_be_written_keeps_nobody_from_training(tmp_path: Path, caplog):
    (tmp_path / "devices").write_text("a file stands where a folder is needed")

    with claim_device(load_settings(state=tmp_path), PLAIDML) as holder:
        assert holder is None
    assert "its lock does not work" in caplog.text


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


def test_the_command_of_a_worker_says_all_that_is_its_own():
    start = Start(name="a@%h", engine="plaidml", device="opencl_pocl.0", threads=2)

    command = worker_command(start, "info")

    assert command[0] == sys.executable
    # One, whatever the environment or the settings file say: it would start several in turn.
    assert command[-13:] == [
        *("worker", "--name", "a@%h", "--engine", "plaidml", "--loglevel", "info", "--workers", "1"),
        *("--device", "opencl_pocl.0", "--threads", "2"),
    ]
    assert "--device" not in worker_command(Start(name="a@%h", engine="jax", device=None, threads=None), "info")


# How many workers a device has


def names_and_threads(devices: int = 1, **settings: object) -> list[tuple[str, int | None]]:
    starts = plan_workers(load_settings(**settings), "jax", "cpu:0", lambda _: None, devices=devices)
    return [(start.name, start.threads) for start in starts]


def found(*speeds: float) -> Tuning:
    setups = tuple(
        WorkerSetup(workers=2**number, threads=4 // 2**number, samples_per_s=speed)
        for number, speed in enumerate(speeds)
    )
    return Tuning(host="here", versions="1", setups=setups)


def test_as_many_workers_as_were_measured_to_be_fastest(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(assignment, "usable_cores", lambda: 4)
    monkeypatch.setattr(assignment, "tune", lambda settings, tell, devices: found(100, 130, 120))

    assert names_and_threads() == [("jax-cpu-0-1@%h", 2), ("jax-cpu-0-2@%h", 2)]


def test_one_worker_has_all_threads_and_no_number(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(assignment, "tune", lambda settings, tell, devices: found(100))

    assert names_and_threads() == [("jax-cpu-0@%h", None)]


def test_the_workers_of_several_devices_share_the_cores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(assignment, "usable_cores", lambda: 8)
    monkeypatch.setattr(
        assignment, "tune", lambda settings, tell, devices: found(100) if devices > 1 else found(100, 130)
    )

    assert names_and_threads(devices=2) == [("jax-cpu-0@%h", 4)]
    assert [threads for _, threads in names_and_threads(devices=2, workers=2)] == [2, 2]
    assert [threads for _, threads in names_and_threads(devices=16, workers=2)] == [1, 1]


def test_whoever_asks_for_workers_or_threads_gets_them_without_a_measurement(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(assignment, "tune", None)

    assert names_and_threads(threads=3) == [("jax-cpu-0@%h", 3)]
    assert [threads for _, threads in names_and_threads(workers=3, threads=1)] == [1, 1, 1]


def test_one_worker_has_the_name_that_it_is_given_and_several_have_numbers():
    starts = [Start(name="x", engine="jax", device=device, threads=None) for device in ("a", "b")]

    assert [start.name for start in with_name(starts[:1], "mine@%h")] == ["mine@%h"]
    assert [start.name for start in with_name(starts, "mine@%h")] == ["mine-1@%h", "mine-2@%h"]
    assert [start.name for start in with_name(starts, "mine")] == ["mine-1", "mine-2"]


def test_an_engine_that_cannot_be_measured_gets_one_worker_which_says_why(monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> Tuning:
        raise EngineError("broken")

    monkeypatch.setattr(assignment, "tune", broken)

    assert names_and_threads() == [("jax-cpu-0@%h", None)]
