"""Looks for problems with the broker, the storage or a device of this machine, and reports them to people."""

from deepchord.worker.diagnostics.doctor import examine_in_child, report_connectivity

__all__ = ["examine_in_child", "report_connectivity"]
