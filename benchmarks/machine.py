"""What a benchmark ran on, for its results."""

import os
import platform
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

import psutil


def describe(*packages: str) -> dict[str, object]:
    """Return the processor, cores, memory, and the versions of Python and of these packages."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
    }


def _version(package: str) -> str | None:
    """Return the version of the distribution that brings a package, which may have another name."""
    names = packages_distributions().get(package, [package])
    try:
        return ", ".join(version(name) for name in names)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
