"""The processes of the engines, one each for a file of tests."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deepchord.shared.host import KERAS3_BACKENDS, installed_engines
from tests.contract.engine_process import OPENCL, EngineProcess


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
            variables = request.getfixturevalue("opencl") if label == OPENCL else {"OPENCL_LAYERS": ""}
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
