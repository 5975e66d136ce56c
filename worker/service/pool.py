"""Celery's pool of processes, but the worker ends if its processes keep dying before they can take a task."""

import signal
from typing import Any

from billiard import Lock
from billiard.pool import RUN
from celery.concurrency.asynpool import AsynPool
from celery.concurrency.prefork import TaskPool
from celery.worker import state

from deepchord.shared.errors import ExitCode, InputError

#: The worker ends when so many processes in a row have died before they were ready for a task.
MAX_LOST_PROCESSES = 3
#: Why the pool of this worker has ended; empty while it works.
given_up: list[str] = []


class _EndingPool(AsynPool):  # type: ignore[misc]  # Celery has no types
    """Ends the worker after `MAX_LOST_PROCESSES`; Celery's own pool would start new processes for ever."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._started_since_ready = 0
        super().__init__(*arguments, **options)

    def on_process_alive(self, pid: int) -> None:
        """Reset the count: a process is ready for a task."""
        self._started_since_ready = 0
        super().on_process_alive(pid)

    def _create_worker_process(self, index: int) -> Any:
        self._started_since_ready += 1
        return super()._create_worker_process(index)

    def _repopulate_pool(self, exit_codes: list[int]) -> None:
        is_short = self._state == RUN and len(self._pool) < self._processes
        if not (is_short and self._started_since_ready >= MAX_LOST_PROCESSES):
            super()._repopulate_pool(exit_codes)
        elif not given_up:
            given_up.append(
                f"{MAX_LOST_PROCESSES} processes of this worker died one after another before they could take a "
                f"member, the last one with {_status(exit_codes)}; what they said of it stands above."
            )
            state.should_terminate = int(ExitCode.WORKERS_STOPPED)


class EndingTaskPool(TaskPool):  # type: ignore[misc]  # Celery has no types
    """The pool class that Celery starts."""

    Pool = _EndingPool

    def did_start_ok(self) -> bool:
        """Return True: the pool decides when a worker ends. Celery would end it if the first process dies early."""
        return True


def check_semaphores() -> None:
    """Raise `InputError` if the system cannot make semaphores, which Celery needs to lock shared data."""
    try:
        Lock()
    except OSError as error:
        raise InputError(
            f"This system makes no semaphores for the processes of a worker ({error.strerror}): on Linux they lie in "
            "/dev/shm, which has to be a tmpfs that this user can write; `mount -t tmpfs tmpfs /dev/shm` makes one."  # noqa: S108  no file of ours
        ) from error


#: The setting `worker_pool` that makes Celery use this pool.
POOL = f"{__name__}:{EndingTaskPool.__name__}"


def _status(exit_codes: list[int]) -> str:
    code = exit_codes[-1] if exit_codes else 0
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
