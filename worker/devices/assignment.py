"""Decides which workers this host starts: for each device one engine, and as many workers as train fastest."""

import contextlib
import logging
import os
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from deepchord.shared.errors import EngineError
from deepchord.shared.host import installed_engines, usable_cores
from deepchord.shared.process import command_for
from deepchord.shared.settings import Settings
from deepchord.worker.devices.inspection import EngineReport, report_engine
from deepchord.worker.devices.tuning import tune
from deepchord.worker.engines import Device

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # it is asked for where it is used

logger = logging.getLogger(__name__)

_PROCESSOR = "processor"
#: How much of a lock file is read, in bytes: who holds the device.
_MAX_HOLDER_BYTES = 200
#: How PlaidML's names for devices begin.
_METAL, _OPENCL = "metal_", "opencl_"


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """An engine on a device, for one worker or several."""

    engine: str
    device: Device
    #: A name of the hardware that does not depend on the engine, so that only one engine uses it.
    silicon: str


@dataclass(frozen=True, kw_only=True)
class Start:
    """A worker to be started."""

    #: As Flower shows it; `%h` is the host.
    name: str
    engine: str
    device: str | None
    threads: int | None

    def settings(self, given: Settings) -> Settings:
        """Return the given settings with the engine, device and threads of this worker."""
        return given.model_copy(update={"engine": self.engine, "device": self.device, "threads": self.threads})


def plan_workers(
    settings: Settings, engine: str, device: str | None, report: Callable[[str], None], *, devices: int = 1
) -> tuple[Start, ...]:
    """Return the workers for one device: as many as the settings ask for, else as many as a measurement finds fastest.

    Args:
        settings: Their numbers of workers and threads are used if they are set.
        engine: The engine that trains.
        device: The engine's id of the device; None: its best one.
        report: Called with a line of text before a measurement begins.
        devices: How many devices share the processor and the memory of this host.
    """
    count, threads = settings.workers or 1, settings.threads
    if settings.workers is None and threads is None:
        try:
            chosen = settings.model_copy(update={"engine": engine, "device": device})
            count = tune(chosen, report, devices=devices).best().workers
        except EngineError as error:  # the worker itself reports what is wrong
            logger.info("One worker is started: %s", error)
    if count * devices > 1:
        threads = threads or max(1, usable_cores() // (count * devices))
    if count == 1:
        return (Start(name=worker_name(engine, device), engine=engine, device=device, threads=threads),)
    return tuple(
        Start(name=worker_name(engine, device, number), engine=engine, device=device, threads=threads)
        for number in range(1, count + 1)
    )


def with_name(starts: Sequence[Start], name: str) -> tuple[Start, ...]:
    """Return the workers with a given name; several workers get a number each."""
    if len(starts) == 1:
        return (replace(starts[0], name=name),)
    before, at, host = name.partition("@")
    return tuple(replace(start, name=f"{before}-{number}{at}{host}") for number, start in enumerate(starts, 1))


def worker_name(engine: str, device: str | None, number: int | None = None) -> str:
    """Return the name of a worker: engine, device and number, as far as they are given; `%h` stands for the host."""
    parts = (engine, device and re.sub("[^A-Za-z0-9_.]+", "-", device), number and str(number))
    return f"{'-'.join(part for part in parts if part)}@%h"


def find_assignments(settings: Settings) -> tuple[Assignment, ...]:
    """Return what this host can train on: one assignment per device, the fastest engine of each.

    Raises:
        EngineError: No engine is ready, or none has the kind of device that is asked for; it gives a reason for each.
    """
    engines = installed_engines() if settings.engine == "auto" else (settings.engine,)
    reports = [report_engine(name, settings) for name in engines]
    found = assign(reports, settings.device)
    if not found:
        what = "No GPU" if settings.device == "gpu" else "No processor" if settings.device == "cpu" else "No engine"
        reasons = "; ".join(map(_why_not, reports)) or "none is installed"
        raise EngineError(f"{what} is ready on this machine ({reasons}); see `deepchord devices`.")
    return found


def _why_not(report: EngineReport) -> str:
    devices = ", ".join(device.id for device in report.devices)
    return f"{report.name}: {'; '.join((f'has {devices}', *report.hints)) if report.ready else report.remedy}"


def assign(reports: Iterable[EngineReport], kind: str | None = None) -> tuple[Assignment, ...]:
    """Give each piece of hardware to the first engine that can use it; the processor is used only if there is no GPU.

    A processor is much slower than a GPU: in the end the whole run would wait for the processor's member. The processor
    also has to prepare the batches for the GPU.

    Args:
        reports: Engines, the fastest first, each with its devices, the best first.
        kind: `gpu` or `cpu` for devices of that kind only.
    """
    taken: dict[str, Assignment] = {}
    for report in reports:
        numbers: dict[str, int] = {}
        found = [(device, _silicon(device, numbers)) for device in report.devices if report.ready]
        for device, silicon in _worth_a_worker([pair for pair in found if kind in (None, pair[0].kind)]):
            taken.setdefault(silicon, Assignment(engine=report.name, device=device, silicon=silicon))
    for wanted in ("gpu", "cpu") if kind is None else (kind,):
        assigned = tuple(assignment for assignment in taken.values() if assignment.device.kind == wanted)
        if assigned:
            return assigned
    return ()


def _worth_a_worker(found: list[tuple[Device, str]]) -> list[tuple[Device, str]]:
    """Return the devices of an engine, each with its silicon, for which workers may be started.

    PlaidML lists each GPU of a Mac twice: as a Metal device, and as an OpenCL device, which is slower there.
    """
    preferred = [(device, silicon) for device, silicon in found if device.is_preferred]
    has_metal = any(device.id.startswith(_METAL) for device, _ in found)
    return preferred or [pair for pair in found if not (has_metal and pair[0].id.startswith(_OPENCL))]


def _silicon(device: Device, numbers: dict[str, int]) -> str:
    if device.kind == "cpu":
        return _PROCESSOR
    name = re.sub("[^a-z0-9]+", "-", device.name.lower()).strip("-")
    numbers[name] = numbers.get(name, -1) + 1
    return f"{name}-{numbers[name]}"


def described(one: Assignment) -> str:
    """Return an assignment as text, for the lock file."""
    return f"{one.engine} on {one.device.id}"


@contextlib.contextmanager
def claim_device(settings: Settings, one: Assignment) -> Iterator[str | None]:
    """Claim the hardware of an assignment for the length of a block.

    Workers in another environment may use another engine, and another id for the same device.

    Yields:
        None if the claim succeeded, else which engine and device the other worker of this user trains with.
    """
    # The name of the host is part of the path: hosts may share a home folder.
    path = settings.state / "devices" / f"{platform.node()}-{one.silicon}.lock"
    descriptor: int | None = None
    holder: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        # The workers inherit the lock, so that it lasts even if this process is killed before them.
        os.set_inheritable(descriptor, True)
        if _lock(descriptor):  # Windows has no pread and pwrite; a file that was just opened is at its beginning
            os.ftruncate(descriptor, 0)
            os.write(descriptor, described(one).encode())
        else:
            holder = (
                os.read(descriptor, _MAX_HOLDER_BYTES).decode(errors="replace") or "one that does not say with what"
            )
    except OSError as error:
        logger.warning("Whether another worker uses the device is unknown, for its lock does not work: %s", error)
    try:
        yield holder
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock a file without waiting; return whether that succeeded. Windows has no such locks: always True there."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def worker_command(start: Start, loglevel: str) -> list[str]:
    """Return the command that starts a worker; it reads all other settings from the environment."""
    options = ["--name", start.name, "--engine", start.engine, "--loglevel", loglevel, "--workers", "1"]
    options += ["--device", start.device] if start.device is not None else []
    options += ["--threads", str(start.threads)] if start.threads is not None else []
    return command_for("deepchord.worker.cli:main", "worker", *options)
