"""Which programs compute on the NVIDIA GPUs of this machine."""

from collections.abc import Collection

import psutil

from deepchord.worker.availability.programs import output_of


def gpu_processes() -> dict[int, str] | None:
    """Return the names of the programs that compute on a GPU, by the ids of their processes; None: nobody tells."""
    shown = output_of("nvidia-smi", "--query-compute-apps=pid,process_name", "--format=csv,noheader")
    return None if shown is None else parse_processes(shown)


def parse_processes(shown: str) -> dict[int, str]:
    """Return the processes in a list of nvidia-smi: an id, a comma, and a path on each line."""
    lines = (line.partition(",") for line in shown.splitlines())
    return {int(pid): name.strip().rpartition("/")[2] for pid, _, name in lines if pid.strip().isdecimal()}


def others(found: dict[int, str], own: Collection[int]) -> tuple[str, ...]:
    """Return the programs on the GPU that are not of this command.

    Processes that do not exist here are left out: in a container, nvidia-smi names all by what the host calls them.
    """
    return tuple(f"{name} ({pid})" for pid, name in sorted(found.items()) if pid not in own and psutil.pid_exists(pid))
