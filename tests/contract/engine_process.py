"""A process of its own for each engine, which runs the checks in engine_checks.py."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import pytest

SCRIPT = Path(__file__).with_name("engine_checks.py")
#: PlaidML through OpenCL on PoCL, which passes for a GPU here, and on the processor through LLVM.
OPENCL, LLVM = "plaidml-opencl", "plaidml-llvm"


def names_of_the_checks() -> list[str]:
    """Return what every engine is asked to pass."""
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        return [check.__name__ for check in runpy.run_path(str(SCRIPT))["CHECKS"]]
    finally:
        sys.path.remove(str(SCRIPT.parent))


class EngineProcess:
    """A process that holds one engine and runs checks on it when asked."""

    def __init__(self, label: str, folder: Path, python: str, variables: dict[str, str]) -> None:
        self._log = folder / f"{label}.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [python, SCRIPT, label.partition("-")[0], folder, label],
                env={**os.environ, **variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._requests = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def passes(self, check: str, *arguments: str) -> Any:
        """Run a check there; return its answer, or fail the test with the traceback from there."""
        self._requests += 1
        reply = self._ask({"number": self._requests, "check": check, "arguments": arguments})
        if reply is None:
            tail = self._log.read_text(errors="replace")[-3000:]
            pytest.fail(f"the engine's process ended ({self._process.wait()}) in {check}:\n{tail}", pytrace=False)
        if reply["failure"]:
            pytest.fail(reply["failure"], pytrace=False)
        return reply["answer"]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        # A test that was timed out has left its answer unread.
        replies = (json.loads(line) for line in self._process.stdout)
        return next((reply for reply in replies if reply["number"] == request["number"]), None)
