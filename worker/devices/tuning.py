"""Finds out once per host how many workers at a time, with how many threads each, train fastest on a device."""

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
from deepchord.shared.host import WORKER_BYTES, Calibration, Sharing, choose_engine, free_memory_bytes, usable_cores
from deepchord.shared.process import READABLE_OUTPUT, command_for
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.version import version
from deepchord.worker.devices.benchmark import BATCH_SIZE, benchmark_training
from deepchord.worker.engines import open_configured_engine

logger = logging.getLogger(__name__)

#: So long every worker trains at the same time, and again for each round; other work that comes between makes a round
#: slower, never faster, so the fastest counts.
_MEASURE_S = 1.5
_ROUNDS = 3
#: Between two looks at the clock; an engine may take several of a GPU's steps in one call.
_STEPS, _STEPS_ON_A_GPU = 4, 64
#: More workers have to be better by so much, for each costs memory and a longer last round.
_GAIN = 1.03
#: With so much other work, seen for so long before, a measurement would say nothing.
_BUSY_PERCENT = 20.0
_LOOK_S = 0.5
#: Opening an engine can take long on a slow disk.
_ANSWER_WITHIN_S = 180.0
#: The device files of GPUs, below /dev: an engine's best device is another one when one is put in.
_GPU_FILES = ("nvidia[0-9]*", "dri/renderD*")
#: Which GPUs a framework sees depends on what is installed besides, under these names, and on the environment.
_DRIVING = ("nvidia", "jax_plugins")
_HIDING = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "JAX_PLATFORMS")
#: PlaidML takes all threads whatever it is told, and one GPU for itself.
_ALONE = ("plaidml",)


def tune(settings: Settings, tell: Callable[[str], None], *, devices: int = 1) -> Calibration:
    """Return what was measured for the engine and device of the settings; measures if that was never done here.

    More workers than memory is free for at the moment are left out.

    Args:
        settings: Engine and device; where the result is kept (`state`).
        tell: Told before it takes a while.
        devices: So many share this host's cores and memory evenly.

    Raises:
        EngineError: The engine is not installed, or not even one worker could be measured.
    """
    engine, cores = choose_engine(settings.engine), max(1, usable_cores() // devices)
    path = _path(settings, engine, cores)
    free_bytes = free_memory_bytes() // devices
    kept = _kept(path)
    if kept is not None and (kept.host, kept.versions) != (platform.node(), _versions(engine)):
        kept = None
    if kept is not None and (kept.untried is None or not _fits(kept.untried, free_bytes)):
        return _fitting(kept, free_bytes)
    sharings, lasting, untried = [_only(cores)], True, None
    if engine in _ALONE or cores == 1:
        pass
    elif psutil.cpu_percent(_LOOK_S) > _BUSY_PERCENT:
        tell("Other work keeps this machine busy: how many workers suit it is measured next time.")
        lasting = False
    else:
        tell("Finding out, once, how many workers suit this machine; this takes half a minute.")
        sharings, lasting, untried = _measured(settings.model_copy(update={"engine": engine}), cores, free_bytes)
    if kept is not None and not lasting:
        return _fitting(kept, free_bytes)
    if not sharings:
        raise EngineError(f"No worker with {engine} could be measured on this machine; see `deepchord doctor`.")
    found = Calibration(host=platform.node(), versions=_versions(engine), sharings=tuple(sharings), untried=untried)
    if lasting:
        _keep(path, found)
    return found


def candidates(cores: int) -> Iterator[tuple[int, int]]:
    """Yield workers and threads of each: one with all cores, twice as many, …, one for each core."""
    for workers in (*(2**power for power in range(cores.bit_length()) if 2**power < cores), cores):
        yield workers, cores // workers


def _fits(workers: int, free_bytes: int) -> bool:
    return workers == 1 or workers * WORKER_BYTES <= free_bytes


def _fitting(kept: Calibration, free_bytes: int) -> Calibration:
    fitting = tuple(sharing for sharing in kept.sharings if _fits(sharing.workers, free_bytes))
    return kept.model_copy(update={"sharings": fitting})


def _only(cores: int) -> Sharing:
    # The speed of the only choice does not matter.
    return Sharing(workers=1, threads=cores, samples_per_s=1.0)


def _measured(settings: Settings, cores: int, free_bytes: int) -> tuple[list[Sharing], bool, int | None]:
    """Return what is faster than fewer workers, until more do not help, and besides whether it will be so next time.

    It may not be if something failed. The last is how many workers there was no room for; None: all were tried, or more
    do not help.
    """
    best, found = 0.0, list[Sharing]()
    for workers, threads in candidates(cores):
        if not _fits(workers, free_bytes):
            return found, True, workers
        try:
            speed = _speed(settings, workers, threads)
        except (OSError, ValueError) as error:
            logger.info("%d workers at once could not be measured: %s", workers, error)
            return found, False, None
        logger.info("%d workers with %d threads each: %.0f images/s.", workers, threads, speed)
        if speed < best / _GAIN:
            return found, True, None
        if speed > best * _GAIN:
            found.append(Sharing(workers=workers, threads=threads, samples_per_s=speed))
        best = max(best, speed)
    return found, True, None


def likely_gpus() -> int:
    """Return for how many GPUs there are device files: NVIDIA's, which have others besides, or else of any maker."""
    return next(filter(None, _gpu_files()), 0)


def _gpu_files() -> list[int]:
    return [len(list(Path("/dev").glob(pattern))) for pattern in _GPU_FILES]


def _versions(engine: str) -> str:
    """Return the versions that decide the speed, and what GPUs there are to see, without importing the engine."""
    of_packages = importlib.metadata.packages_distributions()
    distributions = [name for package in (engine, *_DRIVING) for name in of_packages.get(package, [])]
    distributions += [name for name in ("keras", "jaxlib") if importlib.util.find_spec(name)]
    found = sorted({f"{name} {importlib.metadata.version(name)}" for name in distributions})
    gpus = sum(_gpu_files())
    hidden = [f"{name}={os.environ[name]}" for name in _HIDING if name in os.environ]
    versions = [f"deepchord {version()}", f"python {platform.python_version()}", *found]
    return ", ".join([*versions, f"{gpus} GPU files", *hidden])


def _speed(settings: Settings, workers: int, threads: int) -> float:
    """Return the images per second of so many processes that train at the same time, in the best of several rounds."""
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
    """A process that trains when it is told to; it is killed in the end, or if it takes too long."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command_for(probe),
            env={**environment, **READABLE_OUTPUT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        # A driver that has stopped answers never.
        self._timer = threading.Timer(_ANSWER_WITHIN_S, self._process.kill)

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
        """Return the next line that it writes; an empty one if it has ended, which is no number."""
        return cast("IO[str]", self._process.stdout).readline()

    def go(self) -> None:
        """Let it train."""
        pipe = cast("IO[str]", self._process.stdin)
        pipe.write("go\n")
        pipe.flush()


def probe() -> None:
    """Say `ready`; for each line, train for a while and write images per second; runs in a process of its own."""
    settings = load_settings()
    engine = open_configured_engine(settings)
    train = benchmark_training(engine)
    steps_of_a_look = _STEPS if engine.device.kind == "cpu" else _STEPS_ON_A_GPU
    train(steps_of_a_look)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while sys.stdin.readline():
        started, steps = time.monotonic(), 0
        while time.monotonic() - started < _MEASURE_S:
            train(steps_of_a_look)
            steps += steps_of_a_look
        sys.stdout.write(f"{steps * BATCH_SIZE / (time.monotonic() - started)}\n")
        sys.stdout.flush()


def _path(settings: Settings, engine: str, cores: int) -> Path:
    name = re.sub("[^A-Za-z0-9_.]+", "-", f"{platform.node()}-{engine}-{settings.device or 'best'}-{cores}")
    return settings.state / "calibration" / f"{name}.json"


def _kept(path: Path) -> Calibration | None:
    try:
        return Calibration.decode(path.read_bytes(), str(path))
    except (OSError, MessageDecodeError):  # none yet, or one of another version: measured anew
        return None


def _keep(path: Path, found: Calibration) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_bytes(found.encode())
        aside.replace(path)
    except OSError as error:
        logger.info("The calibration is not kept, and measured again next time: %s", error)
