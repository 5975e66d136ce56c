"""How many workers `train` starts on this machine: as asked, else as many as a measurement says."""

import logging
import subprocess
import sys
from collections.abc import Callable

from shared.errors import MessageDecodeError
from shared.messages import RunSpec
from shared.settings import Settings
from shared.sharing import WORKER_BYTES, Calibration, CalibrationAnswer, free_memory_bytes

logger = logging.getLogger(__name__)

#: With fewer members, measuring would mostly take longer than a better choice than one worker with all cores saves.
_FEWEST_MEMBERS = 4
#: A worker has the data set twice while it reads it, and a fifth of the images as float32 for validation.
_BYTES_OF_A_PIXEL = 3


def with_workers(settings: Settings, run: RunSpec, tell: Callable[[str], None]) -> Settings:
    """Return the settings with the number of workers, and of the threads of each, that train a run soonest.

    Args:
        settings: Whatever they say of workers or threads is taken.
        run: What is to be trained.
        tell: Told of a measurement before it begins.
    """
    if settings.workers is not None or settings.threads is not None or run.members < _FEWEST_MEMBERS:
        return settings.model_copy(update={"workers": settings.workers or 1})
    calibration = _calibration(settings, tell)
    if calibration is None:
        return settings.model_copy(update={"workers": 1})
    room_for = free_memory_bytes() // (WORKER_BYTES + _BYTES_OF_A_PIXEL * run.dataset.train_pixels)
    best = calibration.best(run.members, most=room_for)
    return settings.model_copy(update={"workers": best.workers, "threads": best.threads})


def _calibration(settings: Settings, tell: Callable[[str], None]) -> Calibration | None:
    """Ask a process that may open an engine; None if it has no answer, which is no reason not to train."""
    with subprocess.Popen(
        [sys.executable, "-P", "-c", "from worker.calibration import main; main()"],
        env=settings.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as asked:
        try:
            for line in asked.stdout or ():
                answer = CalibrationAnswer.decode(line, "The answer of the measurement")
                if answer.told is not None:
                    tell(answer.told)
                elif answer.refused is not None:
                    tell(f"One worker is started, for how many suit this machine is unknown: {answer.refused}")
                    return None
                else:
                    return answer.found
            tell(f"One worker is started: the measurement of this machine ended with exit code {asked.wait()}.")
        except MessageDecodeError as error:
            logger.info("One worker is started: %s", error)
        finally:
            asked.kill()
    return None
