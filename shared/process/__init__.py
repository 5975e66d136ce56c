"""Starts and interrupts processes, and protects them from variables and files that other libraries read."""

from deepchord.shared.process.foreign_variables import (
    CELERY_VARIABLES,
    READABLE_OUTPUT,
    describe_foreign,
    is_completion,
    remove_foreign_variables,
    remove_variables,
    without_foreign_variables,
)
from deepchord.shared.process.interrupts import DeferredInterrupt, interrupts_deferred, terminations_as_interrupts
from deepchord.shared.process.own_process import ProcessResult, command_for, run_function
from deepchord.shared.process.plain_matplotlib import import_plain_matplotlib

__all__ = [
    "CELERY_VARIABLES",
    "READABLE_OUTPUT",
    "DeferredInterrupt",
    "ProcessResult",
    "command_for",
    "describe_foreign",
    "import_plain_matplotlib",
    "interrupts_deferred",
    "is_completion",
    "remove_foreign_variables",
    "remove_variables",
    "run_function",
    "terminations_as_interrupts",
    "without_foreign_variables",
]
