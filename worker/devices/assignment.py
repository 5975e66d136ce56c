"""The workers of this host: for each device as many as train fastest together, of one engine."""

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
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

_PROCESSOR = "processor"
#: So much of what a worker has written into its lock is told, in bytes.
_LONGEST = 200
#: How PlaidML's names for devices begin.
_METAL, _OPENCL = "metal_", "opencl_"


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """An engine on a device: what one worker or several are started for."""

    engine: str
    device: Device
    #: What two engines may call by different names; the workers of one engine use it.
    silicon: str


@dataclass(frozen=True, kw_only=True)
class Start:
    """One worker that is to be started."""

    #: As Flower shows it; `%h` is the host.
    name: str
    engine: str
    device: str | None
    threads: int | None

    def settings(self, given: Settings) -> Settings:
        """Return the settings of this worker."""
        return given.model_copy(update={"engine": self.engine, "device": self.device, "threads": self.threads})


def plan_workers(
    settings: Settings, engine: str, device: str | None, tell: Callable[[str], None], *, devices: int = 1
) -> tuple[Start, ...]:
    """Return the workers of one device: so many as are asked for, else as train fastest together by a measurement.

    Args:
        settings: What they say of workers or threads is taken.
        engine: What trains.
        device: The engine's name for it; None: its best.
        tell: Told of a measurement before it begins.
        devices: So many share the processor and the memory of this host.
    """
    count, threads = settings.workers or 1, settings.threads
    if settings.workers is None and threads is None:
        try:
            asked = settings.model_copy(update={"engine": engine, "device": device})
            count = tune(asked, tell, devices=devices).best().workers
        except EngineError as error:  # the worker itself will say what is wrong
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
    """Return the workers with a name of somebody's choice, and their numbers if there are several."""
    if len(starts) == 1:
        return (replace(starts[0], name=name),)
    before, at, host = name.partition("@")
    return tuple(replace(start, name=f"{before}-{number}{at}{host}") for number, start in enumerate(starts, 1))


def worker_name(engine: str, device: str | None, number: int | None = None) -> str:
    """Return a worker's name from its engine and device, and its number if there are several; `%h` is the host."""
    parts = (engine, device and re.sub("[^A-Za-z0-9_.]+", "-", device), number and str(number))
    return f"{'-'.join(part for part in parts if part)}@%h"


def find_assignments(settings: Settings) -> tuple[Assignment, ...]:
    """Return what this host can train on: one assignment per device, the fastest engine of each.

    Raises:
        EngineError: No engine is ready, or none has the kind of device that is asked for; why is said for each.
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
    """Give each piece of silicon to the first engine that can use it; the processor works only if there is no GPU.

    A processor is so much slower than a GPU that whoever waits for the run would wait for its member alone; it also
    has to feed the GPU.

    Args:
        reports: Engines, fastest first, each with its devices best first.
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
    """Return what workers may be started for, of an engine's devices with their silicon.

    PlaidML lists each GPU of a Mac twice, under two names: through Metal, and through OpenCL, which is worse there.
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
    """Return an assignment in words."""
    return f"{one.engine} on {one.device.id}"


@contextlib.contextmanager
def claim_device(settings: Settings, one: Assignment) -> Iterator[str | None]:
    """Claim an assignment's silicon for the length of a block; what has it if another worker of this user does.

    Another environment may have another engine, and call the device by another name.
    """
    # Hosts may share a home folder, and the locks in it.
    path = settings.state / "devices" / f"{platform.node()}-{one.silicon}.lock"
    descriptor: int | None = None
    holder: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        # The workers that are started have it as well, should this process be killed before them.
        os.set_inheritable(descriptor, True)
        if _locked(descriptor):  # Windows has no pread and pwrite; whoever has just opened a file is at its beginning
            os.ftruncate(descriptor, 0)
            os.write(descriptor, described(one).encode())
        else:
            holder = os.read(descriptor, _LONGEST).decode(errors="replace") or "one that does not say with what"
    except OSError as error:
        logger.warning("Whether another worker uses the device is unknown, for its lock does not work: %s", error)
    try:
        yield holder
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _locked(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def worker_command(start: Start, loglevel: str) -> list[str]:
    """Return the command of a worker; everything else it reads from the environment."""
    options = ["--name", start.name, "--engine", start.engine, "--loglevel", loglevel, "--workers", "1"]
    options += ["--device", start.device] if start.device is not None else []
    options += ["--threads", str(start.threads)] if start.threads is not None else []
    return command_for("deepchord.worker.cli:main", "worker", *options)
