"""How coverage measures the processes that tests start."""

import os

from tests.insides import inside

#: With it coverage starts in each new process.
MEASURED = "COVERAGE_PROCESS_CONFIG"


def leave_imports_untraced() -> None:
    """Let each new process that is measured import other people's modules untraced."""
    if MEASURED in os.environ:
        os.environ.update(inside("untraced"))
