"""One suite that every engine must pass; what it checks stands in engine_checks.py, told to a process per engine."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest

from worker.engines import KERAS3_BACKENDS
from worker.engines.opening import installed_engines

SCRIPT = Path(__file__).with_name("engine_checks.py")
#: PlaidML twice: on the processor through LLVM, and through OpenCL on PoCL, which passes for a GPU here.
ENGINES = (*KERAS3_BACKENDS, "plaidml-llvm", "plaidml-opencl")

pytestmark = pytest.mark.slow


def _names_of_the_checks() -> list[str]:
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module")
def start(
    folder: Path, require: Callable[[str, object], None], request: pytest.FixtureRequest
) -> Callable[[str], EngineProcess]:
    """Return what starts the process of an engine; the test is skipped at home if a part is missing."""

    def start_process(label: str) -> EngineProcess:
        python, variables = sys.executable, {}
        if label in KERAS3_BACKENDS:
            require(f"the engine {label}", label in installed_engines())
        else:
            python = str(request.getfixturevalue("plaidml_python"))
            layer = request.getfixturevalue("opencl_layer") if label == "plaidml-opencl" else ""
            variables = {"OPENCL_LAYERS": str(layer)}
        return EngineProcess(label, folder, python, variables)

    return start_process


@pytest.fixture(scope="module")
def processes(start: Callable[[str], EngineProcess]) -> Iterator[Callable[[str], EngineProcess]]:
    """Return the process of an engine, started when it is first asked for."""
    running: dict[str, EngineProcess] = {}
    with ExitStack() as stack:

        def process(label: str) -> EngineProcess:
            if label not in running:
                running[label] = stack.enter_context(start(label))
            return running[label]

        yield process


@pytest.mark.parametrize("check", _names_of_the_checks())
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_keeps_its_promises(processes: Callable[[str], EngineProcess], engine: str, check: str):
    processes(engine).passes(check)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_seeds_train_the_same_weights_in_another_process(
    processes: Callable[[str], EngineProcess], start: Callable[[str], EngineProcess], engine: str
):
    expected = processes(engine).passes("train_and_digest")

    with start(engine) as another:
        assert another.passes("train_and_digest") == expected


@pytest.mark.parametrize("reader", ENGINES)
@pytest.mark.parametrize("writer", ENGINES)
def test_a_checkpoint_of_one_engine_gives_the_same_probabilities_in_every_engine(
    processes: Callable[[str], EngineProcess], folder: Path, writer: str, reader: str
):
    reading = processes(reader)
    if not (folder / f"{writer}.npy").exists():
        processes(writer).passes("leave_a_trained_checkpoint")

    reading.passes("agree_with_the_checkpoint_of", writer)
