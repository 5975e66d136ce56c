"""What a run and the workers look like right now: on a terminal, in Flower, in Prometheus."""

from deepchord.coordinator.monitoring.flower import running_flower
from deepchord.coordinator.monitoring.following import raise_if_failed, views, watcher
from deepchord.coordinator.monitoring.live_view import render, show
from deepchord.coordinator.monitoring.prometheus import serving_metrics
from deepchord.coordinator.monitoring.run_view import RunView
from deepchord.coordinator.monitoring.stall_diagnosis import elsewhere
from deepchord.coordinator.monitoring.worker_list import fleet, fleet_table

__all__ = [
    "RunView",
    "elsewhere",
    "fleet",
    "fleet_table",
    "raise_if_failed",
    "render",
    "running_flower",
    "serving_metrics",
    "show",
    "views",
    "watcher",
]
