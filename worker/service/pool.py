"""The processes of a worker: Celery's own pool, but one whose processes die before they can work ends the worker."""

import signal
from typing import Any

from billiard import Lock
from billiard.pool import RUN
from celery.concurrency.asynpool import AsynPool
from celery.concurrency.prefork import TaskPool
from celery.worker import state

from deepchord.shared.errors import ExitCode, InputError

#: So many processes may die one after another without having been ready for a task.
MOST_LOST = 3
#: Why the pool of this worker has given up; empty while it works.
given_up: list[str] = []


class _EndingPool(AsynPool):  # type: ignore[misc]  # Celery has no types
    """Celery's pool would start a process anew for ever."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._started_since_ready = 0
        super().__init__(*arguments, **options)

    def on_process_alive(self, pid: int) -> None:
        """Take note that a process is ready for a task."""
        self._started_since_ready = 0
        super().on_process_alive(pid)

    def _create_worker_process(self, index: int) -> Any:
        self._started_since_ready += 1
        return super()._create_worker_process(index)

    def _repopulate_pool(self, exit_codes: list[int]) -> None:
        is_short = self._state == RUN and len(self._pool) < self._processes
        if not (is_short and self._started_since_ready >= MOST_LOST):
            super()._repopulate_pool(exit_codes)
        elif not given_up:
            given_up.append(
                f"{MOST_LOST} processes of this worker died one after another before they could take a member, the "
                f"last one with {_status(exit_codes)}; what they said of it stands above."
            )
            state.should_terminate = int(ExitCode.WORKERS_STOPPED)


class EndingTaskPool(TaskPool):  # type: ignore[misc]  # Celery has no types
    """What Celery starts as the pool of a worker."""

    Pool = _EndingPool

    def did_start_ok(self) -> bool:
        """Leave it to the pool to judge: Celery ends a worker over the first process if that dies soon enough."""
        return True


def check_semaphores() -> None:
    """Raise `InputError` if the system makes no semaphores, with which Celery locks what processes share."""
    try:
        Lock()
    except OSError as error:
        raise InputError(
            f"This system makes no semaphores for the processes of a worker ({error.strerror}): on Linux they lie in "
            "/dev/shm, which has to be a tmpfs that this user can write; `mount -t tmpfs tmpfs /dev/shm` makes one."  # noqa: S108  no file of ours
        ) from error


#: How Celery finds it.
POOL = f"{__name__}:{EndingTaskPool.__name__}"


def _status(exit_codes: list[int]) -> str:
    code = exit_codes[-1] if exit_codes else 0
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
