"""How a process of deepchord starts: without what other libraries would take from its surroundings by themselves."""

from deepchord.shared.process.foreign_variables import (
    CONFIGURATION,
    READABLE_OUTPUT,
    describe_foreign,
    is_completion,
    leave_out,
    leave_out_foreign,
    without_foreign,
)
from deepchord.shared.process.own_process import Ended, command_for, run_function
from deepchord.shared.process.plain_matplotlib import import_plain_matplotlib

__all__ = [
    "CONFIGURATION",
    "READABLE_OUTPUT",
    "Ended",
    "command_for",
    "describe_foreign",
    "import_plain_matplotlib",
    "is_completion",
    "leave_out",
    "leave_out_foreign",
    "run_function",
    "without_foreign",
]
