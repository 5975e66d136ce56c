"""Reports to `deepchord train` the GPUs of this host, and how many workers on each train fastest."""

import json
import sys
from collections.abc import Callable

from deepchord.shared.errors import DeepchordError
from deepchord.shared.host import HostReport, choose_engine
from deepchord.shared.settings import Settings, load_settings
from deepchord.worker.devices.assignment import assign
from deepchord.worker.devices.inspection import report_engine
from deepchord.worker.devices.tuning import likely_gpus, tune


def report_host(most: str, measure: str = "") -> None:
    """Write what this host trains with to stdout, as lines of JSON; runs in a process of its own.

    Args:
        most: The most workers that are wanted, in digits.
        measure: If not empty, also measure how many workers on a device train fastest.
    """
    settings = load_settings()
    devices: tuple[str, ...] = ()
    try:
        devices = equal_gpus(settings, _report)[: int(most)]
        each = settings.model_copy(update={"device": devices[0]}) if devices else settings
        # With at least as many GPUs as wanted workers, each worker has a GPU: there is nothing to measure.
        is_wanted = measure and len(devices) < int(most)
        tuning = tune(each, _report, devices=len(devices) or 1) if is_wanted else None
    except DeepchordError as error:
        _write(HostReport(devices=devices, error=str(error)))
    else:
        _write(HostReport(devices=devices, tuning=tuning))


def _report(line: str) -> None:
    _write(HostReport(message=line))


def _write(line: HostReport) -> None:
    # ASCII, because the encoding of this process and of its reader may differ.
    sys.stdout.write(json.dumps(line.model_dump(mode="json")) + "\n")
    sys.stdout.flush()


def equal_gpus(settings: Settings, report: Callable[[str], None]) -> tuple[str, ...]:
    """Return the ids of the GPUs of the same model as the engine's best one; none if there is only one.

    A slower GPU is left out: in the end the whole run would wait for the last member on that GPU.

    Args:
        settings: Engine and device.
        report: Called with a line of text before a step that takes long.

    Raises:
        EngineError: The engine is not installed.
    """
    engine = choose_engine(settings.engine)
    if settings.device not in (None, "gpu"):
        return ()
    if engine != "plaidml":  # PlaidML opens in a second, and its devices need no device files
        if likely_gpus() < 2:
            return ()
        report(f"Looking for GPUs that {engine} can train on.")
    found = [one.device for one in assign([report_engine(engine, settings)], "gpu")]
    alike = tuple(device.id for device in found if device.name == found[0].name)
    return alike if len(alike) > 1 else ()
