"""How many cores and how much memory this process may use, limited by the machine or by its control group."""

import math
import os
from pathlib import Path

import psutil

from deepchord.shared.errors import InputError

#: The files with the memory limit and use of a control group, by controller; "" stands for version 2.
_MEMORY_FILES = {"": ("memory.max", "memory.current"), "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes")}
_CGROUPS, _OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def usable_cores(cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUPS) -> int:
    """Return how many cores this process may use, limited by its affinity and its container or service.

    Raises:
        InputError: `LOKY_MAX_CPU_COUNT`, with which users of joblib limit the cores, is not a number.
    """
    import joblib  # a slow import, which most commands do not need

    try:
        count = int(joblib.cpu_count())
    except ValueError as error:
        raise InputError(
            f"LOKY_MAX_CPU_COUNT, which limits how many cores are used, is no number ({error}): correct or unset it."
        ) from error
    # joblib knows the limit of a container, but not of control groups inside it, such as those of services.
    shares = [_processor_share(folder) for folder in _own_groups("", cgroups, own)]
    return min([count, *(share for share in shares if share is not None)])


def allotted_cores() -> int | None:
    """Return the number of cores that a container may use; None without such a limit, so that frameworks decide."""
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return usable_cores() if usable_cores() < seen else None


def free_memory_bytes(cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUPS) -> int:
    """Return how much memory this process may still use: the free memory of the host or of its container."""
    limits = [
        _group_free_bytes(folder, *names)
        for controller, names in _MEMORY_FILES.items()
        for folder in _own_groups(controller, cgroups, own)
    ]
    return min([int(psutil.virtual_memory().available), *(limit for limit in limits if limit is not None)])


def _own_groups(controller: str, cgroups: Path, own: Path) -> list[Path]:
    """Return this process's control group for a controller ("" for version 2), and all its parent groups."""
    root = cgroups / controller
    try:
        groups = [line.split(":", 2)[1:] for line in own.read_text().splitlines()]
    except OSError:  # not Linux
        return [root]
    paths = [root / path.lstrip("/") for controllers, path in groups if controller in controllers.split(",")]
    # In a container the path may be one of the host, which does not exist here; the root always exists.
    return [folder for path in paths for folder in (path, *path.parents) if folder.is_relative_to(root)] or [root]


def _processor_share(folder: Path) -> int | None:
    try:
        quota, period = map(int, (folder / "cpu.max").read_text().split())
    except (OSError, ValueError):  # no such group, or no limit ("max")
        return None
    return max(1, math.ceil(quota / period))


def _group_free_bytes(folder: Path, limit: str, usage: str) -> int | None:
    try:
        total, used = (int((folder / name).read_text()) for name in (limit, usage))
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such group, or no limit ("max")
        return None
    # The part of the page cache that the kernel frees when memory is needed.
    cached = int(statistics.get("total_inactive_file", statistics.get("inactive_file", 0)))
    return max(0, total - used + cached)
