"""Examines broker, storage and a device, and writes a text that people can paste into an issue."""

import json
import platform
import sys
import time
from importlib.metadata import version
from typing import NoReturn

from deepchord.shared.command_line import run_commands
from deepchord.shared.errors import DeepchordError, ExitCode
from deepchord.shared.process import run_function
from deepchord.shared.settings import Settings, load_settings
from deepchord.worker.devices import BATCH_SIZE, benchmark_training, check_device
from deepchord.worker.diagnostics.checks import examine_connectivity
from deepchord.worker.engines import Engine, open_configured_engine

#: Compiling can take minutes; a driver that hangs never answers.
_TIMEOUT_S = 900.0
_STEPS = 3


def report_connectivity(settings: Settings) -> int:
    """Write the findings about broker, storage and data set; return the exit code of the command."""
    code = int(ExitCode.OK)
    for finding in examine_connectivity(settings):
        _write(finding.what, f"{finding.state}: {finding.text}")
        if finding.state == "problem":
            code = int(ExitCode.BAD_INPUT)
    return code


def examine_in_child(settings: Settings) -> int:
    """Examine the device that the settings choose, in a process of its own; return the exit code of the command."""
    ended = run_function(examine, environment=settings.environment(), within_s=_TIMEOUT_S, capture=False)
    if ended.code is None:
        _write("result", f"no answer within {_TIMEOUT_S:.0f} s: the device or its driver has stopped")
        return int(ExitCode.BAD_INPUT)
    if ended.signal:
        _write("result", f"the process crashed ({ended.signal})")
        return int(ExitCode.BAD_INPUT)
    return ended.code


def examine() -> NoReturn:
    """Examine the device that the environment's settings choose; runs in the process that `examine_in_child` starts."""
    run_commands(_examine)


def _examine() -> int:
    settings = load_settings()
    _write("deepchord", f"{version('deepchord')}, Python {platform.python_version()}, {platform.platform()}")
    try:
        engine = open_configured_engine(settings)
        _describe(engine)
        difference = check_device(engine)
        _write("preflight", f"passed; probabilities within {difference:.1e} of the reference")
        _write("speed", _speed(engine))
    except DeepchordError as error:
        _write("result", f"refused: {error}")
        return int(error.exit_code)
    _write("result", "this device trains")
    return int(ExitCode.OK)


def _describe(engine: Engine) -> None:
    device = engine.device
    memory = "" if device.memory_bytes is None else f", {device.memory_bytes / 2**30:.1f} GiB"
    _write("engine", f"{engine.name}, {engine.version}")
    _write("device", f"{device.id} ({device.kind}): {device.name}{memory}")
    for name, value in device.details.items():
        _write(name, value if isinstance(value, str) else json.dumps(value))


def _speed(engine: Engine) -> str:
    """Return a text about how long the notebook's network takes per image, without the time for compilation."""
    train = benchmark_training(engine)

    def seconds(steps: int) -> float:
        started = time.monotonic()
        train(steps)
        return time.monotonic() - started

    first = seconds(1)
    per_image_ms = 1000 * seconds(_STEPS) / (_STEPS * BATCH_SIZE)
    return f"{per_image_ms:.2f} ms per training image (the notebook's network), first step {first:.1f} s"


def _write(name: str, value: str) -> None:
    sys.stdout.write(f"{name:<10} {value}\n")
    sys.stdout.flush()
