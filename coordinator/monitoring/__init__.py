"""Shows runs and workers as they are now: on a terminal, in Flower, in Prometheus.

A run that is followed is also kept going: what was lost is sent again. `prometheus` needs a package that may be
missing, so it is imported from its file.
"""

from deepchord.coordinator.monitoring.flower_process import running_flower
from deepchord.coordinator.monitoring.following import new_watcher, raise_if_failed, view_run, watch_run, with_awaited
from deepchord.coordinator.monitoring.live_view import render, show
from deepchord.coordinator.monitoring.phrases import outcome
from deepchord.coordinator.monitoring.queue_list import list_queue, queue_table
from deepchord.coordinator.monitoring.run_filter import RunFilter, run_filter
from deepchord.coordinator.monitoring.run_inspector import RunInspector
from deepchord.coordinator.monitoring.run_view import RunView, RunWatcher
from deepchord.coordinator.monitoring.stall_diagnosis import unreachable_broker
from deepchord.coordinator.monitoring.worker_list import list_workers, worker_table

__all__ = [
    "RunFilter",
    "RunInspector",
    "RunView",
    "RunWatcher",
    "list_queue",
    "list_workers",
    "new_watcher",
    "outcome",
    "queue_table",
    "raise_if_failed",
    "render",
    "run_filter",
    "running_flower",
    "show",
    "unreachable_broker",
    "view_run",
    "watch_run",
    "with_awaited",
    "worker_table",
]
