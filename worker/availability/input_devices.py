"""For how long nobody has used keyboard or mouse, as far as the system tells everybody.

Linux tells it of terminals (when they were last read), of graphical sessions whose desktop reports it to logind, and of
built-in keyboards and touchpads (their interrupts); macOS of all devices together.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deepchord.worker.availability.programs import output_of

_GRAPHICAL = ("x11", "wayland", "mir")
#: How the kernel names the interrupts of built-in keyboards and touchpads. USB's are of all its devices, disks too.
_OF_INPUT = re.compile(r"i8042|i2c[_-]hid|hid-over-i2c|ELAN|SYNA")


class InputDevices:
    """Keyboards and mice of this machine."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._interrupts: str | None = None
        self._interrupted_at_s = clock()

    def idle_s(self) -> float | None:
        """Return for how many seconds none of them was used; None if nothing tells it."""
        told = (terminals_idle_s(), _sessions_idle_s(), self._interrupts_idle_s(), _mac_idle_s())
        known = [seconds for seconds in told if seconds is not None]
        return max(0.0, min(known)) if known else None

    def _interrupts_idle_s(self) -> float | None:
        """Return for how long the built-in devices were silent: since the first look at most."""
        try:
            found = input_interrupts(Path("/proc/interrupts").read_text())
        except OSError:  # not Linux
            return None
        if not found:
            return None
        if found != self._interrupts:
            self._interrupts, self._interrupted_at_s = found, self._clock()
        return self._clock() - self._interrupted_at_s


def terminals_idle_s(folder: Path = Path("/dev")) -> float | None:
    """Return for how long nothing was typed in any terminal of this machine, as `w` does; None if there are none.

    The kernel notes it to 8 seconds.
    """
    read_at = []
    for pattern in ("pts/[0-9]*", "tty[0-9]*"):
        for terminal in folder.glob(pattern):
            with suppress(OSError):
                read_at.append(terminal.stat().st_atime)
    return time.time() - max(read_at) if read_at else None


def input_interrupts(text: str) -> str:
    """Return the lines of /proc/interrupts that count what keyboards and touchpads did; empty if there are none."""
    return "\n".join(line for line in text.splitlines() if _OF_INPUT.search(line))


def graphical_idle_s(shown: str, now_s: float) -> float | None:
    """Return for how long no graphical session was used, from what `loginctl show-session` prints of all sessions.

    Args:
        shown: A block of `Name=value` lines for each session.
        now_s: Seconds since 1970.

    Returns:
        None if no session tells: some desktops never report it to logind.
    """
    found = []
    for block in shown.split("\n\n"):
        session = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        since = session.get("IdleSinceHint", "0")
        if session.get("Type") not in _GRAPHICAL or not since.isdecimal() or int(since) == 0:
            continue
        found.append(now_s - int(since) / 1e6 if session.get("IdleHint") == "yes" else 0.0)
    return min(found) if found else None


def _sessions_idle_s() -> float | None:
    listed = output_of("loginctl", "list-sessions", "--no-legend")
    names = [line.split()[0] for line in (listed or "").splitlines() if line.split()]
    if not names:
        return None
    properties = ("--property=Type", "--property=IdleHint", "--property=IdleSinceHint")
    shown = output_of("loginctl", "show-session", *properties, *names)
    return None if shown is None else graphical_idle_s(shown, time.time())


def mac_idle_s(shown: str) -> float | None:
    """Return for how long no device was used, from what `ioreg -c IOHIDSystem` prints; None if it does not say."""
    found = re.search(r'"HIDIdleTime" = (\d+)', shown)
    return None if found is None else int(found[1]) / 1e9


def _mac_idle_s() -> float | None:
    shown = output_of("ioreg", "-c", "IOHIDSystem", "-d", "4")
    return None if shown is None else mac_idle_s(shown)
