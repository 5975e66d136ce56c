"""Observes this machine, and says once what cannot be known of it."""

import logging
import time
from collections.abc import Iterator
from datetime import datetime

import psutil

from deepchord.worker.availability.decision import Observation
from deepchord.worker.availability.graphics import gpu_processes, others
from deepchord.worker.availability.input_devices import InputDevices
from deepchord.worker.availability.processor_load import LoadMeter, own_processes, read_times
from deepchord.worker.availability.programs import Repeated

logger = logging.getLogger(__name__)


class Observer:
    """What is known of this machine now. Only what it is to be idle for is read."""

    def __init__(self, *, when_idle: bool) -> None:
        self._began_s = time.monotonic()
        self._use = _Use() if when_idle else None

    def observe(self) -> Observation:
        """Return what is known at this moment."""
        # The time of day here, which is what people name; it may jump, and then the day begins earlier or later.
        moment = Observation(
            elapsed_s=time.monotonic() - self._began_s,
            time_of_day=datetime.now().astimezone().time(),
        )
        return moment if self._use is None else self._use.added_to(moment)


class _Use:
    """How people and other programs use this machine."""

    def __init__(self) -> None:
        devices = InputDevices()
        self._load = LoadMeter(lambda: read_times(time.monotonic))
        self._input_idle_s = Repeated(devices.idle_s)
        self._on_mains = Repeated(on_mains)
        self._on_gpu = Repeated(gpu_processes)
        unknown = list(self._unknown())
        if unknown:
            logger.info("Cannot be known on this machine, and is not waited for: %s.", "; ".join(unknown))

    def added_to(self, moment: Observation) -> Observation:
        """Return an observation with what is known of the machine's use."""
        on_gpu = self._on_gpu.value
        own = {process.pid for process in own_processes()} if on_gpu else ()
        return Observation(
            elapsed_s=moment.elapsed_s,
            time_of_day=moment.time_of_day,
            input_idle_s=self._input_idle_s.value,
            load_of_others=self._load.load(),
            on_mains=self._on_mains.value,
            gpu_users=None if on_gpu is None else others(on_gpu, own),
        )

    def _unknown(self) -> Iterator[str]:
        if self._input_idle_s.value is None:
            yield "whether keyboard and mouse are used"
        if self._on_mains.value is None:
            yield "whether it runs on its battery"
        if self._on_gpu.value is None:
            yield "who uses its GPU (there is no nvidia-smi that answers)"


def on_mains() -> bool | None:
    """Return whether this machine runs on mains, as one without a battery does; None if the system does not tell."""
    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError, RuntimeError):  # no such function on this system, or nothing to read
        return None
    return True if battery is None else battery.power_plugged
