"""The faces of all rooms: they need nothing that an installation may lack."""

import ast
import subprocess
import sys

import pytest

from tests.environments import ROOT

#: What only some installations have: engines and extras.
OPTIONAL = (
    *("apprise", "mlflow", "tensorboardX", "trackio"),
    *("flower", "jax", "keras", "obstore", "onnx", "onnxruntime", "pandas", "plaidml", "polars", "prometheus_client"),
    *("pyarrow", "tensorflow", "torch"),
)
FACES = [
    ".".join(("deepchord", *path.parent.relative_to(ROOT).parts))
    for side in ("shared", "worker", "coordinator", "ensemble")
    for path in sorted((ROOT / side).rglob("__init__.py"))
]
_PROGRAM = """
import importlib, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {optional!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
for face in {faces!r}:
    importlib.import_module(face)
"""


@pytest.mark.slow
def test_every_face_can_be_imported_without_engines_and_extras():
    program = _PROGRAM.format(optional=OPTIONAL, faces=FACES)

    ended = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)

    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("face", FACES)
def test_every_face_says_what_its_room_is_for(face: str):
    source = ROOT.joinpath(*face.split(".")[1:], "__init__.py").read_text()

    assert len(ast.get_docstring(ast.parse(source)) or "") > 30


@pytest.mark.parametrize("face", FACES)
def test_no_room_holds_more_than_fifteen_files(face: str):
    assert len(list(ROOT.joinpath(*face.split(".")[1:]).glob("*.py"))) <= 15
