"""How the workers of one host share its processor, or one of its GPUs: what was measured, and what follows from it."""

import math
import os

import joblib
from pydantic import Field, PositiveFloat, PositiveInt

from shared.validation import Message


def usable_cores() -> int:
    """Return how many cores this process may use, by its affinity and its container's share."""
    return int(joblib.cpu_count())


def allotted_cores() -> int | None:
    """Return how many cores a container's share is; None where there is none, and frameworks know best."""
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return usable_cores() if usable_cores() < seen else None


class Sharing(Message):
    """So many workers at once on one device, and how fast they were."""

    workers: PositiveInt
    #: Processor threads of each.
    threads: PositiveInt
    #: Training images per second, of all workers together.
    samples_per_s: PositiveFloat


class Calibration(Message):
    """What was measured for one engine on one host; other versions or another number of cores make it void."""

    host: str
    cores: PositiveInt
    #: Of everything that decides the speed, and how many GPUs there were.
    versions: str
    #: In the order of their workers, one first.
    sharings: tuple[Sharing, ...] = Field(min_length=1)

    def best(self, members: int | None = None) -> Sharing:
        """Return the sharing that trains members soonest.

        Args:
            members: How many there are; None: so many that it does not matter whether the last round is full.
        """

        def seconds_per_image(sharing: Sharing) -> float:
            rounds = 1.0 if members is None else math.ceil(members / sharing.workers) * sharing.workers
            return rounds / sharing.samples_per_s

        return min(self.sharings, key=seconds_per_image)


class CalibrationAnswer(Message):
    """A line of the process that calibrates: what it is about to do, or its result, or why there is none."""

    told: str | None = None
    found: Calibration | None = None
    refused: str | None = None
