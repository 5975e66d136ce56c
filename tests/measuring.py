"""How coverage measures the processes that tests start."""

import os
from pathlib import Path

#: With it coverage starts in each new process.
MEASURED = "COVERAGE_PROCESS_CONFIG"
_UNTRACED = str(Path(__file__).parent / "untraced")


def leave_imports_untraced() -> None:
    """Let each new process that is measured import other people's modules untraced."""
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if MEASURED in os.environ and _UNTRACED not in folders:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_UNTRACED, *folders]))
