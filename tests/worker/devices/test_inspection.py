import importlib.metadata
import importlib.util
import json
import platform
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

from deepchord.shared.host import ENGINES, installed_engines, why_not_installed
from deepchord.shared.process import ProcessResult
from deepchord.shared.settings import load_settings
from deepchord.worker.devices import devices_table, inspection, report_engines
from deepchord.worker.devices.inspection import EngineReport
from deepchord.worker.engines import Device


def report(name: str) -> EngineReport:
    return next(report for report in report_engines(load_settings()) if report.name == name)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretend that only these engines are installed."""

    def pretend(*names: str) -> None:
        monkeypatch.setattr(
            inspection, "why_not_installed", lambda name: None if name in names else f"{name} is not there"
        )

    return pretend


@pytest.fixture
def broken_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only: Callable[..., None]) -> Callable[[str], None]:
    """Put a package `torch` before the real one, that does something else when it is imported."""

    def write(code: str) -> None:
        (tmp_path / "torch").mkdir()
        (tmp_path / "torch" / "__init__.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        only("torch")

    return write


@pytest.mark.slow
def test_an_installed_engine_is_reported_with_its_version_and_devices(
    require: Callable[[str, object], None], only: Callable[..., None]
):
    engines = installed_engines()
    require("an engine", engines)
    name = "jax" if "jax" in engines else engines[0]  # the quickest to start
    only(name)

    found = report(name)

    assert found.ready
    assert found.remedy is None
    assert name in found.version
    assert found.devices[-1].kind == "cpu"
    json.dumps(asdict(found))


def test_every_engine_is_reported_and_a_missing_one_with_why(only: Callable[..., None]):
    only()

    reports = report_engines(load_settings())

    assert [report.name for report in reports] == list(ENGINES)
    for found in reports:
        assert not found.ready
        assert found.devices == ()
        assert found.remedy == f"{found.name} is not there"


def test_an_engine_that_fails_to_import_is_reported_with_a_remedy_of_one_line(broken_torch: Callable[[str], None]):
    broken_torch("raise ImportError('libcudart.so.13: cannot open shared object file')")

    found = report("torch")

    assert not found.ready
    assert "libcudart.so.13: cannot open shared object file" in found.remedy
    assert "pip install" in found.remedy
    assert "Traceback" not in found.remedy
    assert "\n" not in found.remedy


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "ascii"])
def test_what_an_engine_says_is_understood_whatever_the_terminal_takes(
    broken_torch: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, encoding: str
):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    broken_torch("raise ImportError('größer als erlaubt')")

    assert "größer als erlaubt" in report("torch").remedy


def test_an_engine_that_crashes_its_process_is_reported_with_the_signal(broken_torch: Callable[[str], None]):
    broken_torch("import os, sys; print('half an answer'); sys.stdout.flush(); os.kill(os.getpid(), 11)")

    found = report("torch")

    assert not found.ready
    assert "SIGSEGV" in found.remedy
    assert "pip install" in found.remedy


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "remedy"),
    [
        (
            1,
            "opened cuda:0\n",
            "OutOfMemoryError: CUDA out of memory",
            r"memory\) at a small problem on cuda:0: is its",
        ),
        (
            1,
            "opened cpu:0\n",
            "JaxRuntimeError: no memory\n-------\nFor simplicity, JAX has removed its internal frames from it.",
            r"fails \(JaxRuntimeError: no memory\) at a small problem on cpu:0: is its",
        ),
        (
            -11,
            "\nopened CPU:0\n",
            "",
            r"crashes \(SIGSEGV\) at a small problem on CPU:0: .* DEEPCHORD_DEVICE$",
        ),
        (-9, "", "", r"^torch is killed when it is opened: is there memory enough\?$"),
        (-11, "", "", r"^torch crashes \(SIGSEGV\) when it is opened; install it anew"),
    ],
)
def test_only_what_cannot_be_opened_is_to_be_installed_anew(code, stdout, stderr, remedy):
    ended = ProcessResult(code=code, output=stdout, errors=stderr)

    assert re.search(remedy, inspection._remedy("torch", ended))


def test_an_engine_that_ends_its_process_without_a_word_is_reported(broken_torch: Callable[[str], None]):
    broken_torch("import os; os._exit(3)")

    assert "no message, exit code 3" in report("torch").remedy


def test_an_engine_that_does_not_answer_is_reported(
    broken_torch: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
):
    broken_torch("import time; time.sleep(600)")
    monkeypatch.setattr(inspection, "_OPEN_TIMEOUT_S", 1.0)

    assert report("torch").remedy == "torch did not answer within 1 s"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretend that an environment holds these packages and this Keras, on this processor."""

    def pretend(*packages: str, keras: str | None = None, machine: str = "x86_64") -> None:
        def version(name: str) -> str:
            if keras is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return keras

        monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in packages else None)
        monkeypatch.setattr(importlib.metadata, "version", version)
        monkeypatch.setattr(platform, "machine", lambda: machine)

    return pretend


def test_engines_are_installed_where_keras_and_their_package_are(environment: Callable[..., None]):
    environment("jax", "torch", keras="3.15.1")
    assert installed_engines() == ("torch", "jax")
    environment("tensorflow", "torch")
    assert installed_engines() == ()
    environment("plaidml", keras="2.2.4")
    assert installed_engines() == ("plaidml",)


def test_keras_3_and_plaidml_in_one_environment_are_told_apart(environment: Callable[..., None]):
    environment("plaidml", "tensorflow", keras="3.15.1")

    assert installed_engines() == ("tensorflow",)
    reason = why_not_installed("plaidml")
    assert "PlaidML needs Keras 2.2.4, and this environment has Keras 3.15.1" in reason
    assert "make plaidml" in reason
    environment("plaidml", "tensorflow", keras="2.2.4")
    assert "tensorflow needs Keras 3" in why_not_installed("tensorflow")


def test_without_plaidml_it_is_said_how_to_install_it_or_what_to_use_on_arm(environment: Callable[..., None]):
    environment()
    assert why_not_installed("plaidml") == "not installed: pip install '.[plaidml]' in your clone of deepchord"
    environment(machine="arm64")
    assert "no build for Arm" in why_not_installed("plaidml")
    assert "pip install '.[torch]'" in why_not_installed("plaidml")


def test_the_table_has_what_is_ready_first_and_ids_that_can_be_copied(capsys: pytest.CaptureFixture[str]):
    gpu = Device(id="opencl_amd_amd_radeon_pro_5300m_compute_engine.0", kind="gpu", name="Radeon", memory_bytes=2**32)
    cpu = Device(id="CPU:0", kind="cpu", name="CPU")
    ready = EngineReport(name="plaidml", ready=True, version="1", devices=(gpu, cpu), hints=("[one] is missing",))
    missing = EngineReport(name="torch", ready=False, remedy="pip install 'deepchord[torch]'")

    Console(width=80).print(devices_table([missing, ready]))

    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "plaidml  ready (1)",
        f"         {gpu.id}  gpu, 4.0 GiB",
        "           Radeon",
        "         CPU:0  cpu",
        "         [one] is missing",
        "torch    pip install 'deepchord[torch]'",
    ]
