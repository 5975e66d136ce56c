"""How many members the workers of one command may still train: one file for each, locked by whoever trains it.

A lock ends with its process, however that ends, so what a dead worker was at may be trained by another one.
"""

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from deepchord.shared.files import lock_now

_REFUSED = "refused-"


class Ticket:
    """The permission to train one member; at the end of its block it is given back, unless it was used."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def use(self) -> None:
        """Note that the member has ended: nobody gets this permission again."""
        with suppress(FileNotFoundError):
            self._path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


class Allowance:
    """The members that the workers of one command may still train."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def create(cls, folder: Path, members: int) -> "Allowance":
        """Create an allowance of so many members in an empty folder."""
        for number in range(members):
            (folder / f"{number:06d}").touch()
        return cls(folder)

    def left(self) -> int:
        """Return how many members have not ended yet of those that may be trained."""
        return len(self._tickets())

    def take(self) -> Ticket | None:
        """Return a permission for one member; None if all are taken or used."""
        for path in self._tickets():
            try:
                descriptor = os.open(path, os.O_RDWR)
            except FileNotFoundError:  # used at this moment
                continue
            # It may have been used between its opening and its locking.
            if lock_now(descriptor) and os.fstat(descriptor).st_nlink > 0:
                return Ticket(path, descriptor)
            os.close(descriptor)
        return None

    def refuse(self, worker: str) -> None:
        """Note that a worker was not allowed to train a member."""
        (self._folder / f"{_REFUSED}{worker}").touch()

    def has_refused(self, worker: str) -> bool:
        """Return whether a worker was not allowed to train a member."""
        return (self._folder / f"{_REFUSED}{worker}").exists()

    def _tickets(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if not path.name.startswith(_REFUSED))
