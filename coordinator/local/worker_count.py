"""Chooses how many workers `train` starts on this machine, and on which devices: as asked, or as measured."""

import logging
import math
import subprocess
from collections.abc import Callable

from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.host import WORKER_BYTES, HostReport, free_memory_bytes
from deepchord.shared.messages import RunSpec
from deepchord.shared.process import READABLE_OUTPUT, command_for
from deepchord.shared.settings import Settings

logger = logging.getLogger(__name__)

#: With fewer members a measurement takes longer than it saves.
_MIN_MEMBERS = 4
#: While a worker reads the data set it holds it twice, and a fifth of the images as float32 for validation.
_BYTES_PER_PIXEL = 3
_UNKNOWN = "Which workers suit this machine is unknown"


def choose_workers(settings: Settings, run: RunSpec, report: Callable[[str], None]) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings with the number of workers and of threads per worker that train a run fastest.

    Args:
        settings: If they already hold a number of workers, a number of threads or a device, that is kept.
        run: What is to be trained.
        report: Called with a sentence before a measurement begins, and if several GPUs are used.

    Returns:
        The settings, and the GPUs that the workers get in turn. If there are none, all workers use the device of the
        settings.
    """
    room_for = free_memory_bytes() // (WORKER_BYTES + _BYTES_PER_PIXEL * run.dataset.train_pixels)
    max_workers = settings.workers or min(run.members, max(1, room_for))
    if max_workers == 1:
        return settings.model_copy(update={"workers": 1}), ()
    is_measured = settings.workers is None and settings.threads is None and run.members >= _MIN_MEMBERS
    question = "measure" if is_measured else ""
    answer = _ask(settings, report, str(min(max_workers, run.members)), question) or HostReport()
    devices = len(answer.devices) or 1
    if devices > 1:
        report(f"Training on {devices} GPUs: {', '.join(answer.devices)}.")
    if answer.tuning is None:
        return settings.model_copy(update={"workers": settings.workers or devices}), answer.devices
    best = answer.tuning.best(math.ceil(run.members / devices), most=room_for // devices)
    workers = min(best.workers * devices, run.members)
    return settings.model_copy(update={"workers": workers, "threads": best.threads}), answer.devices


def _ask(settings: Settings, report: Callable[[str], None], *questions: str) -> HostReport | None:
    """Ask a new process, which opens an engine, which GPUs and how many workers suit this machine.

    Return None if the process gives no valid answer: the run can be trained without it.
    """
    with subprocess.Popen(
        command_for("deepchord.worker.devices.host_report:report_host", *questions),
        env={**settings.environment(), **READABLE_OUTPUT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as process:
        try:
            for line in process.stdout or ():
                answer = HostReport.decode(line, "The answer about this machine")
                if answer.message is not None:
                    report(answer.message)
                    continue
                if answer.error is not None:
                    report(f"{_UNKNOWN}: {answer.error}")
                return answer
            report(f"{_UNKNOWN}: looking for that ended with exit code {process.wait()}.")
        except MessageDecodeError as error:
            logger.info("%s: %s", _UNKNOWN, error)
        finally:
            process.kill()
    return None
