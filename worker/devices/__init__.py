"""The devices of this host: which there are, whether they compute correctly, how fast, and which worker gets which."""

from deepchord.worker.devices.assignment import claimed, command_of, find_assignments, named, planned
from deepchord.worker.devices.benchmark import BATCH_SIZE, trial
from deepchord.worker.devices.inspection import devices_table, examine, report_engines
from deepchord.worker.devices.preflight import check_device
from deepchord.worker.devices.tuning import calibrate

__all__ = [
    "BATCH_SIZE",
    "calibrate",
    "check_device",
    "claimed",
    "command_of",
    "devices_table",
    "examine",
    "find_assignments",
    "named",
    "planned",
    "report_engines",
    "trial",
]
