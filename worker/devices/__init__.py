"""The devices of this host: which there are, whether they compute correctly, how fast, and which worker gets which."""

from deepchord.worker.devices.assignment import (
    Start,
    claim_device,
    find_assignments,
    plan_workers,
    with_name,
    worker_command,
    worker_name,
)
from deepchord.worker.devices.benchmark import BATCH_SIZE, benchmark_training
from deepchord.worker.devices.inspection import devices_table, examine, report_engines
from deepchord.worker.devices.preflight import check_device
from deepchord.worker.devices.tuning import tune

__all__ = [
    "BATCH_SIZE",
    "Start",
    "benchmark_training",
    "check_device",
    "claim_device",
    "devices_table",
    "examine",
    "find_assignments",
    "plan_workers",
    "report_engines",
    "tune",
    "with_name",
    "worker_command",
    "worker_name",
]
