"""What a benchmark ran on, for its results."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

import psutil

#: Those that multiply many numbers at a time.
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def describe(*packages: str) -> dict[str, object]:
    """Return the processor and what decides its speed, cores, memory, and the versions of Python and these packages."""
    return {
        "processor": _processor("model name") or platform.processor(),
        "instructions": [name for name in _INSTRUCTIONS if name in _processor("flags").split()],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
    }


def peak_mib() -> float:
    """Return the most memory that this process has had so far, in MiB."""
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB, on macOS bytes
    return float(peak / (2**20 if sys.platform == "darwin" else 2**10))


def _version(package: str) -> str | None:
    """Return the version of the distribution that brings a package, which may have another name."""
    names = packages_distributions().get(package, [package])
    try:
        return ", ".join(version(name) for name in names)
    except PackageNotFoundError:
        return None


def _processor(line: str) -> str:
    """Return what Linux says of the first processor in a line of this name; elsewhere nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((text.partition(":")[2].strip() for text in lines if text.startswith(line)), "")
