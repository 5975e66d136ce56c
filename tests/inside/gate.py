"""Lets a worker's trainings and evaluations wait where a test wants them to; tests/gates.py is the test's side of it.

A training waits in a batch, an evaluation in a step. To the worker that is no more than a slow one: whoever is told of
it is told again and again, so that leases are kept, and what is cancelled, lost or told to stop ends.
"""

import functools
import inspect
import os
import time
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

_FOLDER = Path(os.environ["TESTS_GATE"])
_LOOK_EVERY_S = 0.02


def _is_closed(names: tuple[str, ...], epochs_done: int) -> bool:
    """Say whether the gate is closed for what has so many names, the most special one first."""
    for name in names:
        try:
            limit = (_FOLDER / name).read_text()
        except FileNotFoundError:
            continue
        return limit != "open" and epochs_done >= int(limit)
    return False


def _wait(names: tuple[str, ...], epochs_done: int, advance: Callable[[], object]) -> None:
    """Wait while the gate is closed, and leave a mark for that long, or for ever if the process is killed."""
    if not _is_closed(names, epochs_done):
        return
    mark = _FOLDER / "held" / names[0]
    half_written = mark.with_name(f".{os.getpid()}")
    half_written.write_text(f"{epochs_done} {os.getpid()}")
    half_written.replace(mark)
    try:
        while _is_closed(names, epochs_done):
            advance()
            time.sleep(_LOOK_EVERY_S)
    finally:
        mark.unlink()


class _Held:
    """An observer of a training whose batches may take long."""

    def __init__(self, observer: Any, names: tuple[str, ...]) -> None:
        self._observer = observer
        self._names = names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._observer, name)

    def batch(self, epochs_done: int, epoch_share: float) -> None:
        self._observer.batch(epochs_done, epoch_share)
        _wait(self._names, epochs_done, lambda: self._observer.batch(epochs_done, epoch_share))


def _held_member(given: dict[str, Any]) -> None:
    index = given["spec"].index
    given["observer"] = _Held(given["observer"], (f"{index}.{given['attempt'].number}", f"{index}", "members"))


def _held_evaluation(given: dict[str, Any]) -> None:
    advance = given["advance"]

    def slowly() -> None:
        advance()
        _wait(("evaluations",), 0, advance)

    given["advance"] = slowly


#: The functions that are called with something else than they were given, by module.
_CHANGED = {
    "deepchord.worker.execution.member_attempt": ("attempt_member", _held_member),
    "deepchord.worker.execution.evaluation_attempt": ("attempt_evaluation", _held_evaluation),
}
_execute = SourceFileLoader.exec_module


def _execute_changed(self: SourceFileLoader, module: ModuleType) -> None:
    _execute(self, module)
    if module.__name__ in _CHANGED:
        name, change = _CHANGED[module.__name__]
        setattr(module, name, _changed(getattr(module, name), change))


def _changed(function: Callable[..., Any], change: Callable[[dict[str, Any]], None]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        bound = inspect.signature(function).bind(*arguments, **named)
        change(bound.arguments)
        return function(*bound.args, **bound.kwargs)

    return call


SourceFileLoader.exec_module = _execute_changed
