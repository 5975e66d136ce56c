"""Only regular files are read where a path comes from outside: a FIFO would hang, and a device may never end."""

import errno
import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def check_regular(path: Path) -> None:
    """Raise unless a path leads to a regular file, or to a folder, which no read takes for one.

    Raises:
        FileNotFoundError: It leads nowhere.
        OSError: It leads to a FIFO, a device or a socket, or cannot be followed; its `strerror` says so.
    """
    kind = _KINDS.get(stat.S_IFMT(os.stat(path).st_mode))  # noqa: PTH116  takes any odd name that open takes
    if kind is not None:
        raise OSError(errno.EINVAL, f"it is {kind}, and only regular files are read", str(path))
