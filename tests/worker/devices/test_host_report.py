import pytest

from deepchord.shared.errors import EngineError
from deepchord.shared.host import HostReport, Tuning, WorkerSetup
from deepchord.shared.settings import load_settings
from deepchord.worker.devices import host_report
from deepchord.worker.devices.host_report import equal_gpus, report_host
from deepchord.worker.devices.inspection import EngineReport
from deepchord.worker.engines import Device

CPU = Device(id="CPU:0", kind="cpu", name="CPU")
LLVM = Device(id="llvm_cpu.0", kind="cpu", name="CPU (via LLVM)")
MEASURED = Tuning(host="here", versions="1", setups=(WorkerSetup(workers=1, threads=4, samples_per_s=100),))


def gpu(number: int, name: str = "Radeon Pro 5300M") -> Device:
    return Device(id=f"gpu:{number}", kind="gpu", name=name)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch):
    """Let the host have device files of GPUs, and an engine see these devices."""

    def has(*devices: Device, files: int, engine: str = "jax") -> None:
        monkeypatch.setattr(host_report, "likely_gpus", lambda: files)
        monkeypatch.setattr(host_report, "choose_engine", lambda name: engine)
        monkeypatch.setattr(
            host_report,
            "report_engine",
            lambda name, settings: EngineReport(name=name, ready=bool(devices), devices=devices),
        )

    return has


def test_members_are_trained_on_all_gpus_that_the_engine_has(host):
    host(gpu(0), gpu(1), CPU, files=2)

    assert equal_gpus(load_settings(), print) == equal_gpus(load_settings(device="gpu"), print) == ("gpu:0", "gpu:1")


@pytest.mark.parametrize("device", ["gpu:1", "cpu"])
def test_a_device_that_was_chosen_is_the_only_one(host, device):
    host(gpu(0), gpu(1), CPU, files=2)

    assert equal_gpus(load_settings(device=device), print) == ()


def test_an_engine_is_not_opened_where_there_cannot_be_equal_gpus(host, monkeypatch):
    host(files=1)
    monkeypatch.setattr(host_report, "report_engine", None)

    assert equal_gpus(load_settings(), print) == ()


@pytest.mark.parametrize("devices", [(gpu(0), CPU), (CPU,), ()])
def test_one_gpu_or_none_is_what_the_engine_chooses_by_itself(host, devices):
    host(*devices, files=2)

    assert equal_gpus(load_settings(), print) == ()


def test_a_gpu_that_is_not_like_the_best_one_is_left_to_whoever_names_it(host):
    host(gpu(0), gpu(1, "UHD Graphics 630"), gpu(2), CPU, files=3)

    assert equal_gpus(load_settings(), print) == ("gpu:0", "gpu:2")

    host(gpu(0), gpu(1, "UHD Graphics 630"), CPU, files=2)
    assert equal_gpus(load_settings(), print) == ()


def test_plaidml_is_asked_whatever_files_there_are(host):
    host(gpu(0), gpu(1), LLVM, files=0, engine="plaidml")

    assert equal_gpus(load_settings(), print) == ("gpu:0", "gpu:1")


def test_the_answer_has_the_gpus_and_what_was_measured_of_each(host, monkeypatch, capsys):
    def tune(settings, tell, devices):
        tell(f"measuring {settings.device}, one of {devices}")
        return MEASURED

    host(gpu(0), gpu(1), CPU, files=2)
    monkeypatch.setattr(host_report, "tune", tune)

    report_host("2")
    report_host("1", "measure")
    report_host("8", "measure")

    lines = [HostReport.decode(line, "line") for line in capsys.readouterr().out.splitlines()]
    looking = HostReport(message="Looking for GPUs that jax can train on.")
    assert lines == [
        looking,
        HostReport(devices=("gpu:0", "gpu:1")),
        looking,
        HostReport(devices=("gpu:0",)),
        looking,
        HostReport(message="measuring gpu:0, one of 2"),
        HostReport(devices=("gpu:0", "gpu:1"), tuning=MEASURED),
    ]


def test_the_answer_says_what_is_wrong_and_still_which_gpus_there_are(host, monkeypatch, capsys):
    def refuse(*_: object, **__: object) -> Tuning:
        raise EngineError("no engine")

    host(gpu(0), gpu(1), files=0, engine="plaidml")
    monkeypatch.setattr(host_report, "tune", refuse)
    report_host("8", "measure")
    monkeypatch.setattr(host_report, "choose_engine", refuse)
    report_host("8", "measure")

    assert [HostReport.decode(line, "line") for line in capsys.readouterr().out.splitlines()] == [
        HostReport(devices=("gpu:0", "gpu:1"), error="no engine"),
        HostReport(error="no engine"),
    ]
