"""How the workers of one host share its processor, or one of its GPUs: what was measured, and what follows from it."""

import math

from pydantic import Field, PositiveFloat, PositiveInt

from deepchord.shared.validation import Message

#: What a worker needs of memory for the framework and a network, generously; its data set comes on top of it.
WORKER_BYTES = 3 * 2**29


class Sharing(Message):
    """So many workers at once on one device, and how fast they were."""

    workers: PositiveInt
    #: Processor threads of each.
    threads: PositiveInt
    #: Training images per second, of all workers together.
    samples_per_s: PositiveFloat


class Calibration(Message):
    """What was measured for one engine on one host; other versions make it void, each number of cores has its own."""

    host: str
    #: Of everything that decides the speed, and how many GPUs there were.
    versions: str
    #: In the order of their workers, one first.
    sharings: tuple[Sharing, ...] = Field(min_length=1)
    #: So many workers there was no room for, and they may be faster; None: no more are worth a try.
    untried: PositiveInt | None = None

    def best(self, members: int | None = None, *, most: int | None = None) -> Sharing:
        """Return the sharing that trains members soonest.

        Args:
            members: How many there are; None: so many that it does not matter whether the last round is full.
            most: So many workers there is room for; None: for any number. There is always room for the fewest.
        """
        fewest, *others = self.sharings
        fitting = [fewest, *(sharing for sharing in others if most is None or sharing.workers <= most)]

        def seconds_per_image(sharing: Sharing) -> float:
            rounds = 1.0 if members is None else math.ceil(members / sharing.workers) * sharing.workers
            return rounds / sharing.samples_per_s

        return min(fitting, key=seconds_per_image)


class HostAnswer(Message):
    """A line of the process that is asked what this host trains with: what it is about to do, or what it found."""

    told: str | None = None
    refused: str | None = None
    #: The GPUs to train on if there are several alike; else the engine chooses.
    devices: tuple[str, ...] = ()
    #: Of one device, with its share of the cores; None: it was not asked for, or not to be had.
    calibration: Calibration | None = None
