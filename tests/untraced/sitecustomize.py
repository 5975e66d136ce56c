"""Keeps coverage from tracing other people's modules while they are imported; in the path of processes of tests.

Nothing of ours runs meanwhile, and a framework of thousands of modules takes a third longer to import when each of its
lines is traced.
"""

import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType

_OURS = ("shared", "worker", "coordinator", "deepchord")
_execute = SourceFileLoader.exec_module


def _execute_untraced(self: SourceFileLoader, module: ModuleType) -> None:
    tracer = sys.gettrace()
    if tracer is None or module.__name__.partition(".")[0] in _OURS:
        _execute(self, module)
        return
    sys.settrace(None)
    try:
        _execute(self, module)
    finally:
        sys.settrace(tracer)
        # Coverage's tracer takes itself up again when a function is called; it has to see this one return.
        _be_called()


def _be_called() -> None:
    pass


if sys.gettrace() is not None:
    SourceFileLoader.exec_module = _execute_untraced
