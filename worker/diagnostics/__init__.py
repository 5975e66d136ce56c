"""Looks for what is wrong with this machine, its broker, its storage or a device, for people."""

from deepchord.worker.diagnostics.doctor import examine_in_child, report_connectivity

__all__ = ["examine_in_child", "report_connectivity"]
