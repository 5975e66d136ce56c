"""The log of attempts in storage: one numbered folder for each attempt; its file names show how far it came."""

from collections.abc import Iterable

from deepchord.shared.storage import keys
from deepchord.shared.storage.attempts import Attempt
from deepchord.shared.storage.object_store import ObjectStore


def take_number(objects: ObjectStore, folder: str, note: bytes) -> int:
    """Take the next number in a folder of attempts, counted from 1, and store a note of who took it.

    A create-only write takes the number, so that no two attempts ever have the same one.
    """
    number = _last_number(objects, folder) + 1
    # The listing may be out of date: if somebody else has just taken the number, try the next one.
    while not objects.create(keys.note(keys.numbered(folder, number)), note):
        number += 1
    return number


def list_attempts(objects: ObjectStore, folder: str) -> tuple[Attempt, ...]:
    """Return the attempts of a folder in order; only names are read."""
    return attempts_from_names(key.removeprefix(folder) for key in objects.list(folder))


class AttemptLog:
    """What the stores of evaluations and studies have in common: a log of the attempts, in a folder of storage."""

    def __init__(self, objects: ObjectStore, folder: str) -> None:
        self._objects = objects
        self._attempts_folder = folder

    def start_attempt(self, note: bytes) -> int:
        """Take the next attempt number, counted from 1, and store a note of who took it; see `take_number`."""
        return take_number(self._objects, self._attempts_folder, note)

    def attempts(self) -> tuple[Attempt, ...]:
        """Return the attempts so far, in order; only names are read."""
        return list_attempts(self._objects, self._attempts_folder)

    def hand_over(self, attempt: int) -> None:
        """Record that an attempt does not count, because it ended on purpose."""
        self._objects.replace(keys.attempt_handed_over(self._attempts_folder, attempt), b"{}\n")

    def fail_attempt(self, attempt: int) -> None:
        """Record that an attempt ended with an error."""
        self._objects.replace(keys.attempt_failed(self._attempts_folder, attempt), b"{}\n")


def attempts_from_names(names: Iterable[str]) -> tuple[Attempt, ...]:
    """Return the attempts that names of files stand for, in order; the names are relative to the folder of attempts."""
    parts: dict[int, list[list[str]]] = {}
    for name in names:
        number, *rest = name.split("/")
        if number.isdecimal():
            parts.setdefault(int(number), []).append(rest)
    return tuple(_attempt(number, parts[number]) for number in sorted(parts))


def _attempt(number: int, names: list[list[str]]) -> Attempt:
    return Attempt(
        number=number,
        saved=tuple(filter(None, (keys.saved_epoch(number, parts) for parts in names))),
        handed_over=[keys.HANDED_OVER] in names,
        failed=[keys.FAILED] in names,
        failure=next(filter(None, map(keys.failure_named, names)), None),
        has_weights=[keys.WEIGHTS] in names,
    )


def _last_number(objects: ObjectStore, folder: str) -> int:
    names = (key.removeprefix(folder).partition("/")[0] for key in objects.list(folder))
    return max((int(name) for name in names if name.isdecimal()), default=0)
