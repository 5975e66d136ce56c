"""Finds out which parts of a run were lost, and sends them again.

Compares what storage, leases and queue hold; for one run, or for all runs of a storage.
"""

from deepchord.coordinator.reconciliation.active_runs import ActiveRuns
from deepchord.coordinator.reconciliation.reconciler import EVERY_S, Reconciler
from deepchord.coordinator.reconciliation.service import reconcile_all, reconcile_run

__all__ = ["EVERY_S", "ActiveRuns", "Reconciler", "reconcile_all", "reconcile_run"]
