"""The notebooks of docs/notebooks: what is committed, and that they run from the first cell to the last."""

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

from deepchord.shared.datasets.named import DEBIAN_FASHION
from tests.places import Place, Require
from tests.waiting import PATIENCE_S

_FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
#: In the order in which they are run: the second one asks the run of the first.
NOTEBOOKS = ("fashion_mnist", "what_it_does_not_know")
#: What the first one trains here instead of its preset's networks.
_TINY = """
OPTIONS = {
    "members": 2, "epochs": 1, "batch_size": 512, "learning_rate": 0.01, "seed": 7, "layers": [
        {"type": "max_pooling2d", "pool_size": 4}, {"type": "flatten"},
        {"type": "dense", "units": "classes", "activation": "softmax"},
    ],
}
"""
_MOST_BYTES = 1_500_000
#: Absolute paths of Linux, macOS and Windows, and addresses of files.
_PATH = re.compile(r"(?<![\w.])/(?:bin|etc|home|mnt|opt|private|root|srv|tmp|usr|var|work|Users)/|[A-Z]:\\\\|file://")


def read(name: str) -> NotebookNode:
    return nbformat.read(_FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell: NotebookNode) -> list[object]:
    """Return what kind each output of a cell is: its media types, or the name of a stream."""
    return [sorted(output.data) if "data" in output else output.get("name", "error") for output in cell.outputs]


def with_parameters(notebook: NotebookNode, source: str) -> NotebookNode:
    """Insert a cell below the one that is tagged `parameters`, as papermill does."""
    (place,) = (i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ()))
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(place + 1, cell)
    return notebook


def execute(notebook: NotebookNode, place: Place) -> NotebookNode:
    with tempfile.TemporaryDirectory() as folder:  # a socket's path has to be short
        manager = {"transport": "ipc", "connection_file": str(Path(folder) / "kernel.json")}
        resources = {"metadata": {"path": str(place.folder)}}
        client = NotebookClient(
            notebook, timeout=int(PATIENCE_S), resources=resources, config=Config(KernelManager=manager)
        )
        client.execute(env=place.environment(DEEPCHORD_WORKERS="1"))
    return notebook


@pytest.fixture(scope="module")
def executed(new_place: Callable[..., Place], require: Require) -> dict[str, NotebookNode]:
    require("the Debian package dataset-fashion-mnist", DEBIAN_FASHION.is_dir())
    place = new_place()
    trained = execute(with_parameters(read("fashion_mnist"), _TINY), place)
    return {"fashion_mnist": trained, "what_it_does_not_know": execute(read("what_it_does_not_know"), place)}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs_and_shows_what_the_committed_one_shows(executed, name):
    cells = [cell for cell in code_cells(executed[name]) if "injected-parameters" not in cell.metadata.get("tags", ())]

    assert [kinds(cell) for cell in cells] == [kinds(cell) for cell in code_cells(read(name))]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_committed_one_was_run_once_from_top_to_bottom(name):
    cells = code_cells(read(name))

    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert sum(bool(cell.outputs) for cell in cells) >= len(cells) - 2
    assert not [output for cell in cells for output in cell.outputs if output.output_type in ("error", "stream")]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_committed_one_is_small_and_names_no_machine(name):
    outputs = [output for cell in code_cells(read(name)) for output in cell.outputs]
    texts = [json.dumps(value) for output in outputs for kind, value in output.data.items() if kind != "image/png"]

    assert (_FOLDER / f"{name}.ipynb").stat().st_size < _MOST_BYTES
    assert not [text for text in texts if _PATH.search(text)]
    # Where members were trained is in the live view.
    assert {host for text in texts for host in re.findall(r"(\S+) (?:tensorflow|torch|jax) \w+:\d", text)} <= {"here"}
