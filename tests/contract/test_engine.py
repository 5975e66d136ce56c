"""One suite that every engine must pass; what it checks stands in engine_checks.py, told to a process per engine.

PlaidML has two files of its own, through LLVM and through OpenCL: it takes longer than all others together, and each of
the processes of pytest takes whole files.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deepchord.ensemble.graph import open_session
from deepchord.shared.checkpoints import decode_checkpoint
from deepchord.shared.host import KERAS3_BACKENDS
from deepchord.shared.network import Architecture
from tests.contract.engine_process import LLVM, OPENCL, EngineProcess, names_of_the_checks
from tests.ensemble.graph.test_layers import model_of

ENGINES = (*KERAS3_BACKENDS, LLVM, OPENCL)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("check", names_of_the_checks())
@pytest.mark.parametrize("engine", KERAS3_BACKENDS)
def test_every_engine_keeps_its_promises(processes: Callable[[str], EngineProcess], engine: str, check: str):
    processes(engine).passes(check)


@pytest.mark.parametrize("engine", KERAS3_BACKENDS)
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


@pytest.mark.parametrize("writer", ENGINES)
def test_a_graph_of_a_checkpoint_gives_the_probabilities_of_the_engine_that_trained_it(
    processes: Callable[[str], EngineProcess], folder: Path, writer: str
):
    if not (folder / f"{writer}.npy").exists():
        processes(writer).passes("leave_a_trained_checkpoint")
    images, expected = np.load(folder / "images.npy"), np.load(folder / f"{writer}.npy")
    architecture = Architecture.decode((folder / "network.json").read_bytes(), "network.json")
    network = architecture.resolve(input_shape=images.shape[1:], classes=expected.shape[1])
    weights = decode_checkpoint((folder / f"{writer}.hdf5").read_bytes(), network, writer)

    (found,) = open_session(model_of(network, weights), writer).run(None, {"images": images})

    np.testing.assert_allclose(found, expected, atol=1e-5)
