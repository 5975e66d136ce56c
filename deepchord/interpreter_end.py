"""Stops broker and workers of a program that is killed: a small process of its own waits for the program's end.

Jupyter kills a kernel that has not ended five seconds after a restart; workers that keep all cores busy may need more.
"""

import atexit
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deepchord.shared.process import command_for

if TYPE_CHECKING:
    from deepchord.shared.settings import Settings

#: The processes that wait, by the process that has started them (a fork of it has not) and the folder of its sessions.
_waiting: dict[tuple[int, Path], "subprocess.Popen[bytes]"] = {}


def clean_up_after_this_process(settings: "Settings") -> None:
    """Have the broker and the workers that this process leaves running stopped when it ends, however it ends.

    Args:
        settings: Where sessions are recorded. If they name a broker, nothing is running here.
    """
    from deepchord.coordinator.runs import is_embedded

    key = (os.getpid(), settings.state)
    if key in _waiting or not is_embedded(settings):
        return
    _waiting[key] = subprocess.Popen(
        command_for(clean_up_at_the_end),
        env=settings.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def clean_up_at_the_end() -> None:
    """Wait until the process that has started this one has ended, then stop the processes of dead sessions."""
    sys.stdin.buffer.read()
    # Only now: while it waits it needs little memory.
    from deepchord.coordinator.local import stop_leftovers
    from deepchord.shared.settings import load_settings

    stop_leftovers(load_settings())


def _dismiss() -> None:
    for (starter, _), process in _waiting.items():
        if starter == os.getpid():
            process.kill()
            process.communicate()


# Before any run registers how it stops: what is registered first comes last.
atexit.register(_dismiss)
