"""Compares storage, leases and queue, and sends again what was lost."""

from deepchord.coordinator.reconciliation.active_runs import UnendedRuns
from deepchord.coordinator.reconciliation.reconciler import EVERY_S, Reconciler
from deepchord.coordinator.reconciliation.service import reconcile_all, reconcile_run

__all__ = ["EVERY_S", "Reconciler", "UnendedRuns", "reconcile_all", "reconcile_run"]
