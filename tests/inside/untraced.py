"""Keeps coverage from tracing other people's modules while they are imported; in the path of processes of tests.

A framework of thousands of modules takes a third longer to import when each of its lines is traced. None of them
imports what is ours.
"""

import sys
import sysconfig
from importlib.machinery import SourceFileLoader
from types import ModuleType

_OTHERS = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
_execute = SourceFileLoader.exec_module


def _execute_untraced(self: SourceFileLoader, module: ModuleType) -> None:
    tracer = sys.gettrace()
    if tracer is None or not self.path.startswith(_OTHERS):
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
