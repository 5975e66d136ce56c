"""Measures, once per host, how many workers with how many threads each train fastest on a device."""

import importlib.metadata
import importlib.util
import logging
import os
import platform
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import psutil

from deepchord.shared.errors import EngineError, MessageDecodeError
from deepchord.shared.host import WORKER_BYTES, Tuning, WorkerSetup, choose_engine, free_memory_bytes, usable_cores
from deepchord.shared.process import READABLE_OUTPUT, command_for
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.version import version
from deepchord.worker.devices.benchmark import BATCH_SIZE, benchmark_training
from deepchord.worker.engines import open_configured_engine

logger = logging.getLogger(__name__)

#: How long all workers train at the same time in each round. Other work on this machine can only make a round slower,
#: so the fastest round counts.
_MEASURE_S = 1.5
_ROUNDS = 3
#: Steps between two looks at the clock; on a GPU an engine may take several steps in one call.
_STEPS, _STEPS_ON_A_GPU = 4, 64
#: By what factor more workers must be faster: each of them costs memory, and makes the last round longer.
_MIN_GAIN = 1.03
#: If other work has used more than this share of the processor for this long, nothing is measured.
_BUSY_PERCENT = 20.0
_BUSY_WINDOW_S = 0.5
#: Opening an engine can take long on a slow disk.
_PROBE_TIMEOUT_S = 180.0
#: The device files of GPUs, below /dev: their number changes when a GPU is added, and with it the best device.
_GPU_FILES = ("nvidia[0-9]*", "dri/renderD*")
#: Which GPUs a framework sees depends on these packages and on these environment variables.
_GPU_PACKAGES = ("nvidia", "jax_plugins")
_GPU_VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "JAX_PLATFORMS")
#: PlaidML uses all threads, whatever the settings are, and needs a GPU for itself.
_ONE_WORKER_ENGINES = ("plaidml",)


def tune(settings: Settings, report: Callable[[str], None], *, devices: int = 1) -> Tuning:
    """Return the measured speeds for the engine and device of the settings; measures if that was never done here.

    Numbers of workers for which there is not enough free memory now are left out.

    Args:
        settings: Engine and device, and the folder for the result (`state`).
        report: Called with a line of text before a step that takes long.
        devices: How many devices share this host's cores and memory evenly.

    Raises:
        EngineError: The engine is not installed, or not even one worker could be measured.
    """
    engine, cores = choose_engine(settings.engine), max(1, usable_cores() // devices)
    path = _path(settings, engine, cores)
    free_bytes = free_memory_bytes() // devices
    kept = _load(path)
    if kept is not None and (kept.host, kept.versions) != (platform.node(), _versions(engine)):
        kept = None
    if kept is not None and (kept.untried is None or not _fits(kept.untried, free_bytes)):
        return _fitting(kept, free_bytes)
    setups, lasting, untried = [_only(cores)], True, None
    if engine in _ONE_WORKER_ENGINES or cores == 1:
        pass
    elif psutil.cpu_percent(_BUSY_WINDOW_S) > _BUSY_PERCENT:
        report("Other work keeps this machine busy: how many workers suit it is measured next time.")
        lasting = False
    else:
        report("Finding out, once, how many workers suit this machine; this takes half a minute.")
        setups, lasting, untried = _measured(settings.model_copy(update={"engine": engine}), cores, free_bytes)
    if kept is not None and not lasting:
        return _fitting(kept, free_bytes)
    if not setups:
        raise EngineError(f"No worker with {engine} could be measured on this machine; see `deepchord doctor`.")
    found = Tuning(host=platform.node(), versions=_versions(engine), setups=tuple(setups), untried=untried)
    if lasting:
        _save(path, found)
    return found


def candidates(cores: int) -> Iterator[tuple[int, int]]:
    """Yield numbers of workers and of threads of each: 1 worker with all cores, then 2, 4, 8 …, last one per core."""
    for workers in (*(2**power for power in range(cores.bit_length()) if 2**power < cores), cores):
        yield workers, cores // workers


def _fits(workers: int, free_bytes: int) -> bool:
    return workers == 1 or workers * WORKER_BYTES <= free_bytes


def _fitting(kept: Tuning, free_bytes: int) -> Tuning:
    fitting = tuple(setup for setup in kept.setups if _fits(setup.workers, free_bytes))
    return kept.model_copy(update={"setups": fitting})


def _only(cores: int) -> WorkerSetup:
    # The speed of the only choice does not matter.
    return WorkerSetup(workers=1, threads=cores, samples_per_s=1.0)


def _measured(settings: Settings, cores: int, free_bytes: int) -> tuple[list[WorkerSetup], bool, int | None]:
    """Measure more and more workers until more are not faster.

    Returns:
        The numbers of workers that are faster than all smaller ones; whether the result may be kept, which is False if
        a measurement failed; and the number of workers for which there was not enough memory, or None.
    """
    best, found = 0.0, list[WorkerSetup]()
    for workers, threads in candidates(cores):
        if not _fits(workers, free_bytes):
            return found, True, workers
        try:
            speed = _speed(settings, workers, threads)
        except (OSError, ValueError) as error:
            logger.info("%d workers at once could not be measured: %s", workers, error)
            return found, False, None
        logger.info("%d workers with %d threads each: %.0f images/s.", workers, threads, speed)
        if speed < best / _MIN_GAIN:
            return found, True, None
        if speed > best * _MIN_GAIN:
            found.append(WorkerSetup(workers=workers, threads=threads, samples_per_s=speed))
        best = max(best, speed)
    return found, True, None


def likely_gpus() -> int:
    """Return the number of GPUs by their device files: those of NVIDIA if there are any, else those of all makers."""
    return next(filter(None, _gpu_files()), 0)


def _gpu_files() -> list[int]:
    return [len(list(Path("/dev").glob(pattern))) for pattern in _GPU_FILES]


def _versions(engine: str) -> str:
    """Return the versions and GPUs that decide the speed, without importing the engine."""
    of_packages = importlib.metadata.packages_distributions()
    distributions = [name for package in (engine, *_GPU_PACKAGES) for name in of_packages.get(package, [])]
    distributions += [name for name in ("keras", "jaxlib") if importlib.util.find_spec(name)]
    found = sorted({f"{name} {importlib.metadata.version(name)}" for name in distributions})
    gpus = sum(_gpu_files())
    hidden = [f"{name}={os.environ[name]}" for name in _GPU_VARIABLES if name in os.environ]
    versions = [f"deepchord {version()}", f"python {platform.python_version()}", *found]
    return ", ".join([*versions, f"{gpus} GPU files", *hidden])


def _speed(settings: Settings, workers: int, threads: int) -> float:
    """Return the images per second of so many processes together, in the best of several rounds."""
    environment = settings.model_copy(update={"threads": threads}).environment()
    with ExitStack() as stack:
        probes = [stack.enter_context(_Probe(environment)) for _ in range(workers)]
        for one in probes:
            one.line()
        return max(_round(probes) for _ in range(_ROUNDS))


def _round(probes: "Sequence[_Probe]") -> float:
    for one in probes:
        one.go()
    return sum(float(one.line()) for one in probes)


class _Probe:
    """A process that trains on request; it is killed at the end of the block, or after `_PROBE_TIMEOUT_S`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command_for(probe),
            env={**environment, **READABLE_OUTPUT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        # If a driver hangs, the process never answers.
        self._timer = threading.Timer(_PROBE_TIMEOUT_S, self._process.kill)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.communicate()

    def line(self) -> str:
        """Return the next line that the process writes; an empty one if it has ended."""
        return cast("IO[str]", self._process.stdout).readline()

    def go(self) -> None:
        """Start a round."""
        pipe = cast("IO[str]", self._process.stdin)
        pipe.write("go\n")
        pipe.flush()


def probe() -> None:
    """Write `ready`; then for each line on stdin train, and write images per second. Runs in a process of its own."""
    settings = load_settings()
    engine = open_configured_engine(settings)
    train = benchmark_training(engine)
    steps_per_look = _STEPS if engine.device.kind == "cpu" else _STEPS_ON_A_GPU
    train(steps_per_look)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while sys.stdin.readline():
        started, steps = time.monotonic(), 0
        while time.monotonic() - started < _MEASURE_S:
            train(steps_per_look)
            steps += steps_per_look
        sys.stdout.write(f"{steps * BATCH_SIZE / (time.monotonic() - started)}\n")
        sys.stdout.flush()


def _path(settings: Settings, engine: str, cores: int) -> Path:
    name = re.sub("[^A-Za-z0-9_.]+", "-", f"{platform.node()}-{engine}-{settings.device or 'best'}-{cores}")
    return settings.state / "calibration" / f"{name}.json"


def _load(path: Path) -> Tuning | None:
    try:
        return Tuning.decode(path.read_bytes(), str(path))
    except (OSError, MessageDecodeError):  # none yet, or of another version
        return None


def _save(path: Path, found: Tuning) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_bytes(found.encode())
        aside.replace(path)
    except OSError as error:
        logger.info("The measurement cannot be kept, and is repeated next time: %s", error)
