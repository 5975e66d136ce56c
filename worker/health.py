"""Whether the workers of this host are well, for the health check of a container: `python -m worker.health`."""

import platform
import sys

import redis

from shared.broker import connect_lazily
from shared.errors import DeepchordError
from shared.settings import load_settings
from shared.validation import ended
from shared.worker_board import KEEP_S, WorkerBoard


def main() -> None:
    """Exit with 0 if a worker of this host has been heard of lately, else say why not and exit with 1."""
    try:
        lines = WorkerBoard(connect_lazily(load_settings())).lines()
    except (DeepchordError, redis.RedisError) as error:
        sys.exit(ended(f"The broker does not answer: {error}"))
    if not any(line.note.host == platform.node() and line.seen_s_ago < KEEP_S / 2 for line in lines):
        sys.exit("No worker of this host was heard of lately.")


if __name__ == "__main__":
    main()
