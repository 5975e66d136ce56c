"""How many workers `train` starts on this machine, and on which devices: as asked, else as a measurement says."""

import logging
import math
import subprocess
from collections.abc import Callable

from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.host import WORKER_BYTES, HostAnswer, free_memory_bytes
from deepchord.shared.messages import RunSpec
from deepchord.shared.process import READABLE_OUTPUT, command_for
from deepchord.shared.settings import Settings

logger = logging.getLogger(__name__)

#: With fewer members, measuring would mostly take longer than a better choice than one worker with all cores saves.
_FEWEST_MEMBERS = 4
#: A worker has the data set twice while it reads it, and a fifth of the images as float32 for validation.
_BYTES_OF_A_PIXEL = 3
_UNKNOWN = "Which workers suit this machine is unknown"


def with_workers(settings: Settings, run: RunSpec, tell: Callable[[str], None]) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings with the number of workers, and of the threads of each, that train a run soonest.

    Args:
        settings: Whatever they say of workers, threads or the device is taken.
        run: What is to be trained.
        tell: Told of a measurement before it begins, and of several GPUs.

    Returns:
        The settings, and the GPUs that the workers train on in turn; none: all on what the settings say.
    """
    room_for = free_memory_bytes() // (WORKER_BYTES + _BYTES_OF_A_PIXEL * run.dataset.train_pixels)
    most = settings.workers or min(run.members, max(1, room_for))
    if most == 1:
        return settings.model_copy(update={"workers": 1}), ()
    is_measured = settings.workers is None and settings.threads is None and run.members >= _FEWEST_MEMBERS
    answer = _ask(settings, tell, str(min(most, run.members)), "measure" if is_measured else "") or HostAnswer()
    devices = len(answer.devices) or 1
    if devices > 1:
        tell(f"Training on {devices} GPUs: {', '.join(answer.devices)}.")
    if answer.calibration is None:
        return settings.model_copy(update={"workers": settings.workers or devices}), answer.devices
    best = answer.calibration.best(math.ceil(run.members / devices), most=room_for // devices)
    workers = min(best.workers * devices, run.members)
    return settings.model_copy(update={"workers": workers, "threads": best.threads}), answer.devices


def _ask(settings: Settings, tell: Callable[[str], None], *questions: str) -> HostAnswer | None:
    """Ask a process that may open an engine; None if it has no answer, which is no reason not to train."""
    with subprocess.Popen(
        command_for("deepchord.worker.devices.host_report:report_host", *questions),
        env={**settings.environment(), **READABLE_OUTPUT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as asked:
        try:
            for line in asked.stdout or ():
                answer = HostAnswer.decode(line, "The answer about this machine")
                if answer.told is not None:
                    tell(answer.told)
                    continue
                if answer.refused is not None:
                    tell(f"{_UNKNOWN}: {answer.refused}")
                return answer
            tell(f"{_UNKNOWN}: looking for that ended with exit code {asked.wait()}.")
        except MessageDecodeError as error:
            logger.info("%s: %s", _UNKNOWN, error)
        finally:
            asked.kill()
    return None
