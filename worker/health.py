"""The health check of a container: `python -m deepchord.worker.health` fails if no worker of this machine is alive."""

import contextlib
import sys
from collections.abc import Iterator

import psutil
import redis

from deepchord.shared.broker import WORKER_TTL_S, WorkerRegistry, connect_lazily
from deepchord.shared.errors import DeepchordError
from deepchord.shared.settings import WORKER_VARIABLE, load_settings
from deepchord.shared.validation import with_full_stop
from deepchord.worker.availability import waiting_worker_id


def main() -> None:
    """Exit with 0 if a worker that runs here has sent a heartbeat lately, else with 1 and the reason on stderr."""
    try:
        lines = WorkerRegistry(connect_lazily(load_settings())).statuses()
    except (DeepchordError, redis.RedisError) as error:
        sys.exit(with_full_stop(f"The broker does not answer: {error}"))
    here = set(_workers_here())
    if not any(line.info.worker in here and line.seen_s_ago < WORKER_TTL_S / 2 for line in lines):
        sys.exit("No worker of this machine was heard of lately.")


def _workers_here() -> Iterator[str]:
    """Yield the ids of the workers whose processes run here: several containers may share the name of their host.

    A worker that waits for its machine has no process yet, but that of its command.
    """
    for process in psutil.process_iter():
        yield waiting_worker_id(process.pid)
        with contextlib.suppress(psutil.Error):
            worker = process.environ().get(WORKER_VARIABLE)
            if worker:
                yield worker


if __name__ == "__main__":
    main()
