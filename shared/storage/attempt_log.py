"""The log of attempts in storage: a numbered folder for each, taken by one writer; names alone show how far it came."""

from collections.abc import Iterable

from deepchord.shared.storage import keys
from deepchord.shared.storage.attempts import Attempt
from deepchord.shared.storage.object_store import ObjectStore


def take_number(objects: ObjectStore, folder: str, note: bytes) -> int:
    """Take the next number in a folder of attempts, from 1, and leave a note of who took it.

    It is taken by a create-only write, so that it grows strictly, whatever else is lost.
    """
    number = _last_number(objects, folder) + 1
    # A listing may be older than what others have just taken: then the next one is tried.
    while not objects.create(keys.note(keys.numbered(folder, number)), note):
        number += 1
    return number


def attempts_in(objects: ObjectStore, folder: str) -> tuple[Attempt, ...]:
    """Return the attempts of a folder in order; nothing but names is read."""
    return attempts_among(key.removeprefix(folder) for key in objects.list(folder))


def attempts_among(names: Iterable[str]) -> tuple[Attempt, ...]:
    """Return the attempts that keys stand for, given without the folder that they lie in; in order."""
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
