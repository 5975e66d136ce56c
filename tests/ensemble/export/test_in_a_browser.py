"""An exported file in a real browser: the page of docs/prediction.md computes what ONNX Runtime computes in Python."""

import hashlib
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from deepchord.ensemble.export import ExportOptions, export_onnx
from deepchord.ensemble.sources import EnsembleMembers
from deepchord.shared.checkpoints import Weights, encode_checkpoint
from deepchord.shared.network import PRESET_ARCHITECTURES, ResolvedArchitecture
from deepchord.worker.training.initialization import initial_weights
from tests.browsers import DESKTOP, Browser
from tests.ensemble.conftest import halves
from tests.environments import ROOT
from tests.npm import fetch_package

pytestmark = pytest.mark.slow

_RUNTIME = "onnxruntime-web@1.30.0"
_RUNTIME_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
_RUNTIME_FILES = ("dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm")
#: Asks the page, and turns what it answers into JSON: a label is a BigInt.
_ASK = """(async () => {{
    const answer = await predict(Uint8Array.from({pixels}), {shape});
    const plain = ({{ type, dims, data }}) => ({{ type, dims, data: Array.from(data, Number) }});
    return Object.fromEntries(Object.entries(answer).map(([name, tensor]) => [name, plain(tensor)]));
}})()"""


@pytest.fixture(scope="session")
def runtime(require: Callable[[str, object], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of onnxruntime-web; npm keeps the package in its own cache."""
    folder = tmp_path_factory.mktemp("onnxruntime_web")
    return fetch_package(_RUNTIME, _RUNTIME_SHA512, _RUNTIME_FILES, folder, require)


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the name that http.server uses
        """Say nothing."""


@pytest.fixture
def site(runtime: Path, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The folder and the URL of a web site: the page of docs/prediction.md, and what it says has to lie beside it."""
    page = re.search(r"```html\n(.*?)```", (ROOT / "docs" / "prediction.md").read_text(), re.DOTALL)
    assert page is not None
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text(f'<!doctype html><title>it</title><link rel="icon" href="data:,">{page[1]}')
    for name in _RUNTIME_FILES:
        shutil.copy(runtime / Path(name).name, folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def in_the_browser(browser: Browser, url: str, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return all outputs of the page's model."""
    browser.open(url, DESKTOP, "light")
    answer = browser.evaluate(_ASK.format(pixels=json.dumps(images.ravel().tolist()), shape=list(images.shape)))
    assert browser.complaints() == []
    assert all(asked.startswith(url) for asked in browser.requests())
    types = {"float32": np.float32, "int64": np.int64, "bool": np.bool_}
    return {
        name: np.array(tensor["data"], dtype=types[tensor["type"]]).reshape(tensor["dims"])
        for name, tensor in answer.items()
    }


def in_python(path: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


def check_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert (found[name].shape, found[name].dtype) == (values.shape, values.dtype), name
        np.testing.assert_allclose(found[name], values, atol=1e-5, rtol=0, err_msg=name)


@pytest.mark.parametrize("count", [1, 200])
def test_all_outputs_of_one_image_and_of_many_are_those_of_python(browser, site, members, count):
    folder, url = site
    path = export_onnx(members, folder / "model.onnx", ExportOptions(risk=0.05))
    images, _ = halves(count, 3)
    expected = in_python(path, images)

    found = in_the_browser(browser, url, images)

    assert members.description.calibration.confidence_map
    assert {"probabilities", "predictive_entropy", "mutual_information", "abstains"} <= expected.keys()
    assert count == 1 or 0 < expected["abstains"].sum() < count
    check_equal(found, expected)


@pytest.mark.parametrize(
    # 8 bits: where the two differ in the last bit, an activation may be rounded to its neighbour.
    ("reduced", "tolerance"),
    [({"half": True}, 1e-5), ({"int8": True}, 1e-2)],
    ids=["half", "int8"],
)
def test_a_reduced_file_is_computed_as_in_python(browser, site, members, reduced, tolerance):
    folder, url = site
    path = export_onnx(members, folder / "model.onnx", ExportOptions(**reduced))
    images, _ = halves(200, 3)

    found = in_the_browser(browser, url, images)

    np.testing.assert_allclose(found["probabilities"], in_python(path, images)["probabilities"], atol=tolerance)


@pytest.mark.parametrize("preset", ["notebook", "best"])
def test_the_networks_of_the_presets_are_computed_as_in_python(browser, site, changed_members, preset):
    folder, url = site
    path = export_onnx(untrained(changed_members, preset), folder / "model.onnx", ExportOptions())
    noise = np.random.default_rng(0).integers(0, 256, (8, 28, 28, 1))
    images = (noise * np.linspace(0.1, 1, 8)[:, None, None, None]).astype(np.uint8)
    expected = in_python(path, images)

    found = in_the_browser(browser, url, images)

    assert np.ptp(expected["probabilities"], axis=0).max() > 0.1
    check_equal(found, expected)


def untrained(changed_members: Callable[..., EnsembleMembers], preset: str) -> EnsembleMembers:
    """Return members that have a preset's network, for images of 28x28 pixels and ten classes."""
    architecture = PRESET_ARCHITECTURES[preset]()
    network = architecture.resolve(input_shape=(28, 28, 1), classes=10)
    before = changed_members().description
    files = {each.index: encode_checkpoint(network, spread_weights(network, each.index)) for each in before.members}
    described = tuple(
        member.model_copy(update={"weights_sha256": hashlib.sha256(files[member.index]).hexdigest()})
        for member in before.members
    )
    dataset = before.dataset.model_copy(update={"input_shape": (28, 28, 1), "class_names": tuple("abcdefghij")})
    changed = changed_members(architecture=architecture, dataset=dataset, members=described)
    return EnsembleMembers(
        description=changed.description, place=changed.place, read=lambda member: files[member.index]
    )


def spread_weights(network: ResolvedArchitecture, seed: int) -> Weights:
    """Return starting weights whose last layer is scaled, so that probabilities depend on the image."""
    *others, (kernel, bias) = initial_weights(network, seed)
    return (*others, (kernel * np.float32(100), bias))
