"""The resources of this host: its cores, memory and engines, and how its workers share them best."""

from deepchord.shared.host.installed_engines import (
    ENGINES,
    KERAS3_BACKENDS,
    choose_engine,
    how_to_install,
    installed_engines,
    why_not_installed,
)
from deepchord.shared.host.limits import allotted_cores, free_memory_bytes, usable_cores
from deepchord.shared.host.tuning import WORKER_BYTES, HostReport, Tuning, WorkerSetup

__all__ = [
    "ENGINES",
    "KERAS3_BACKENDS",
    "WORKER_BYTES",
    "HostReport",
    "Tuning",
    "WorkerSetup",
    "allotted_cores",
    "choose_engine",
    "free_memory_bytes",
    "how_to_install",
    "installed_engines",
    "usable_cores",
    "why_not_installed",
]
