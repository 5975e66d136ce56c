"""Finds out what this host can train on: each installed engine is opened in a process of its own."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from deepchord.shared.errors import DeepchordError, EngineError
from deepchord.shared.host import ENGINES, choose_engine, how_to_install, why_not_installed
from deepchord.shared.process import ProcessResult, run_function
from deepchord.shared.settings import Settings, load_settings
from deepchord.worker.engines import Device

#: Importing a framework for the first time can take long on a slow disk.
_OPEN_TIMEOUT_S = 180.0
#: PlaidML compiles the network of the preflight, which takes minutes on a busy processor.
_PREFLIGHT_TIMEOUT_S = 900.0


@dataclass(frozen=True, kw_only=True)
class EngineReport:
    """An engine on this host: its devices, or why it has none."""

    name: str
    ready: bool
    version: str | None = None
    devices: tuple[Device, ...] = ()
    #: The device that the settings choose.
    chosen: Device | None = None
    #: Why it may see fewer devices than there are.
    hints: tuple[str, ...] = ()
    #: Why it is not ready, and what to do.
    remedy: str | None = None


def report_engines(settings: Settings) -> tuple[EngineReport, ...]:
    """Return a report of every engine that deepchord knows, installed or not."""
    return tuple(report_engine(name, settings) for name in ENGINES)


def report_engine(name: str, settings: Settings) -> EngineReport:
    """Return a report of one engine with all its devices, whatever device the settings name."""
    reason = why_not_installed(name)
    if reason is not None:
        return EngineReport(name=name, ready=False, remedy=reason)
    return _ask(name, settings.model_copy(update={"device": None}), preflight=False)


def devices_table(reports: Iterable[EngineReport]) -> Table:
    """Return a table for a terminal of any width: engines that are ready first, each device on lines of its own.

    Ids are long, and people copy them, so they are never cut.
    """
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    for report in sorted(reports, key=lambda report: not report.ready):
        table.add_row(report.name, Text(f"ready ({report.version})" if report.ready else f"{report.remedy}"))
        for device in report.devices:
            memory = "" if device.memory_bytes is None else f", {device.memory_bytes / 2**30:.1f} GiB"
            table.add_row("", Text.assemble((device.id, "bold"), f"  {device.kind}{memory}"))
            if device.name.lower() != device.kind:
                table.add_row("", Padding(Text(device.name), (0, 0, 0, 2)))
        for hint in report.hints:
            table.add_row("", Text(hint, style="dim"))
    return table


def examine(settings: Settings) -> EngineReport:
    """Return a report of the engine and device that the settings choose, which has solved the preflight's problem.

    Raises:
        EngineError: The engine is not installed, there is no such device, or it did not solve the problem.
    """
    report = _ask(choose_engine(settings.engine), settings, preflight=True)
    if not report.ready:
        raise EngineError(f"{report.remedy}")
    return report


def _ask(name: str, settings: Settings, *, preflight: bool) -> EngineReport:
    """Open an engine in a process of its own: a process can hold one only, and a broken one may crash it."""
    within_s = _PREFLIGHT_TIMEOUT_S if preflight else _OPEN_TIMEOUT_S
    question = ["preflight"] if preflight else []
    asked = run_function(write_report, name, *question, environment=settings.environment(), within_s=within_s)
    if asked.code is None:
        return EngineReport(name=name, ready=False, remedy=f"{name} did not answer within {within_s:.0f} s")
    try:
        found = json.loads(asked.output.splitlines()[-1])
        if "refused" in found:
            return EngineReport(name=name, ready=False, remedy=str(found["refused"]))
        return EngineReport(
            name=name,
            ready=True,
            version=found["version"],
            devices=tuple(Device(**device) for device in found["devices"]),
            chosen=Device(**found["chosen"]),
            hints=tuple(found["hints"]),
        )
    except (IndexError, ValueError, KeyError, TypeError):
        return EngineReport(name=name, ready=False, remedy=_remedy(name, asked))


def _remedy(name: str, asked: ProcessResult) -> str:
    lines = [line for line in asked.errors.splitlines() if line.strip("- ") and not line.startswith(_NOTE_OF_JAX)]
    why = lines[-1].strip() if lines else f"no message, exit code {asked.code}"
    what = f"{name} crashes ({asked.signal})" if asked.signal else f"{name} fails ({why})"
    opened = [line for line in asked.output.splitlines() if line.startswith(_OPENED)]
    if opened:
        device = opened[-1].removeprefix(_OPENED)
        return (
            f"{what} at a small problem on {device}: is its memory free, and its driver the right one? Another device "
            "is taken with DEEPCHORD_DEVICE"
        )
    if asked.signal == "SIGKILL":
        return f"{name} is killed when it is opened: is there memory enough?"
    return f"{what} when it is opened; install it anew: {how_to_install(name, anew=True)}"


#: The note that JAX writes below an error, after a line of dashes.
_NOTE_OF_JAX = "For simplicity, JAX has removed its internal frames"
#: Written before the preflight, in front of the device's id.
_OPENED = "opened "


def write_report(name: str, preflight: str = "") -> None:
    """Write version and devices of an engine to stdout, as one line of JSON; runs in the process that `_ask` starts."""
    from deepchord.worker.devices.preflight import check_device
    from deepchord.worker.engines import open_configured_engine

    settings = load_settings(engine=name)
    try:
        engine = open_configured_engine(settings)
        if preflight:
            sys.stdout.write(f"{_OPENED}{engine.device.id}\n")
            sys.stdout.flush()
            check_device(engine)
    except DeepchordError as error:
        sys.stdout.write("\n" + json.dumps({"refused": str(error)}) + "\n")
        return
    found = {
        "version": engine.version,
        "devices": [asdict(device) for device in engine.devices()],
        "chosen": asdict(engine.device),
        "hints": _hints(name),
    }
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def _hints(name: str) -> tuple[str, ...]:
    if name != "plaidml" or sys.platform == "darwin":  # macOS has Metal and OpenCL itself
        return ()
    from deepchord.worker.engines.plaidml import hidden_devices

    return hidden_devices()
