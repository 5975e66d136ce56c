"""What `train` is told of this host: its GPUs, and how many workers on each train fastest."""

import json
import sys
from collections.abc import Callable

from deepchord.shared.errors import DeepchordError
from deepchord.shared.host import HostAnswer, choose_engine
from deepchord.shared.settings import Settings, load_settings
from deepchord.worker.devices.assignment import assign
from deepchord.worker.devices.inspection import report_engine
from deepchord.worker.devices.tuning import likely_gpus, tune


def report_host(most: str, measure: str = "") -> None:
    """Tell `train` what this host trains with; writes lines of JSON, runs in a process of its own.

    Args:
        most: No more workers than that are wanted, in digits.
        measure: Anything: also how many workers on a device train fastest.
    """
    settings = load_settings()
    devices: tuple[str, ...] = ()
    try:
        devices = equal_gpus(settings, _say)[: int(most)]
        each = settings.model_copy(update={"device": devices[0]}) if devices else settings
        # On as many GPUs as workers are wanted each has one, however fast more of them were.
        is_wanted = measure and len(devices) < int(most)
        found = tune(each, _say, devices=len(devices) or 1) if is_wanted else None
    except DeepchordError as error:
        _write(HostAnswer(devices=devices, refused=str(error)))
    else:
        _write(HostAnswer(devices=devices, calibration=found))


def _say(line: str) -> None:
    _write(HostAnswer(told=line))


def _write(line: HostAnswer) -> None:
    # In ASCII, whatever the encoding of this process and of the one that reads it.
    sys.stdout.write(json.dumps(line.model_dump(mode="json")) + "\n")
    sys.stdout.flush()


def equal_gpus(settings: Settings, tell: Callable[[str], None]) -> tuple[str, ...]:
    """Return the ids of an engine's GPUs that are like its best one; none if there are not several.

    A slower one would keep everybody waiting for its last member.

    Args:
        settings: Engine and device.
        tell: Told before it takes a while.

    Raises:
        EngineError: The engine is not installed.
    """
    engine = choose_engine(settings.engine)
    if settings.device not in (None, "gpu"):
        return ()
    if engine != "plaidml":  # whose devices need no files; it opens in a second
        if likely_gpus() < 2:
            return ()
        tell(f"Looking for GPUs that {engine} can train on.")
    found = [one.device for one in assign([report_engine(engine, settings)], "gpu")]
    alike = tuple(device.id for device in found if device.name == found[0].name)
    return alike if len(alike) > 1 else ()
