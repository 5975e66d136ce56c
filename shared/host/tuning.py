"""How the workers of one host share its processor or one of its GPUs: the measured speeds, and which setup is best."""

import math

from pydantic import Field, PositiveFloat, PositiveInt

from deepchord.shared.validation import Message

#: The memory of one worker for the framework and a network, as a generous estimate; its data set needs more.
WORKER_BYTES = 3 * 2**29


class WorkerSetup(Message):
    """A number of workers that train on one device at the same time, and their measured speed."""

    workers: PositiveInt
    #: Processor threads of each worker.
    threads: PositiveInt
    #: Training images per second of all workers together.
    samples_per_s: PositiveFloat


class Tuning(Message):
    """The measured setups of one engine on one host.

    The result is valid for these versions only. There is one result for each number of cores.
    """

    host: str
    #: The versions of everything that decides the speed, and the number of GPUs.
    versions: str
    #: Sorted by the number of workers; the first setup has one worker.
    setups: tuple[WorkerSetup, ...] = Field(min_length=1)
    #: The number of workers that memory had no room for, although they may be faster; None: nothing is left to try.
    untried: PositiveInt | None = None

    def best(self, members: int | None = None, *, most: int | None = None) -> WorkerSetup:
        """Return the setup that finishes all members first.

        Args:
            members: How many members there are; None: so many that a partly used last round does not matter.
            most: How many workers there is room for; None: any number. There is always room for the smallest setup.
        """
        smallest, *others = self.setups
        fitting = [smallest, *(setup for setup in others if most is None or setup.workers <= most)]

        def seconds_per_image(setup: WorkerSetup) -> float:
            rounds = 1.0 if members is None else math.ceil(members / setup.workers) * setup.workers
            return rounds / setup.samples_per_s

        return min(fitting, key=seconds_per_image)


class HostReport(Message):
    """One line of output of the process that examines this host for `train`: a progress message or the result."""

    #: What the process does next, for people; such a line is not the result.
    message: str | None = None
    #: Why the host could not be examined.
    error: str | None = None
    #: The GPUs to train on if there are several equal ones; otherwise the engine chooses.
    devices: tuple[str, ...] = ()
    #: For one device with its share of the cores; None: it was not asked for, or could not be measured.
    tuning: Tuning | None = None
