"""Paths from outside may lead to what hangs or never ends; data are read from regular files, text up to a bound."""

import errno
import os
import stat
from pathlib import Path

#: What people write by hand is shorter.
_MOST_TEXT_BYTES = 2**20
#: What else a path may lead to, by the file's type, with its article.
SPECIAL_FILES = {
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
    kind = SPECIAL_FILES.get(stat.S_IFMT(os.stat(path).st_mode))  # noqa: PTH116  takes any odd name that open takes
    if kind is not None:
        raise OSError(errno.EINVAL, f"it is {kind}, and only regular files are read", str(path))


def read_short_text(path: Path) -> str:
    """Return the UTF-8 text of a file that people write; it may come from a pipe, as a shell's `<(command)` does.

    Raises:
        OSError: It cannot be read, or is longer than 1 MiB; its `strerror` says so.
        UnicodeDecodeError: It is no UTF-8.
    """
    with path.open("rb") as file:
        data = file.read(_MOST_TEXT_BYTES + 1)
    if len(data) > _MOST_TEXT_BYTES:
        raise OSError(errno.EFBIG, "it is longer than 1 MiB", str(path))
    return data.decode("utf-8-sig")  # Windows marks its text so
