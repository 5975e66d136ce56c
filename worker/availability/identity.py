"""The id under which a worker is listed while it waits for its machine and has no process of its own."""

import platform


def waiting_worker_id(process_id: int, number: int = 0) -> str:
    """Return the id of a worker that waits; a health check finds it without asking the process.

    Args:
        process_id: Of the command that starts the worker when the machine is free.
        number: Which of the workers of that command.
    """
    return f"waiting-{platform.node()}-{process_id}-{number}"
