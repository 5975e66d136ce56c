import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.datasets.dataset import ARRAYS
from deepchord.shared.datasets.named.catalog import FASHION, content_sha256
from deepchord.shared.datasets.named.keras_download import KerasProcess, keep_download
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import read_npz

DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")


def process_with(folder: Path, load_data: str, package: str = "__version__ = '3.99'", timeout_s: float = 60.0):
    """Return a process that finds a package called keras with `keras.datasets.mnist.load_data()` as given."""
    datasets = folder / "packages" / "keras" / "datasets"
    datasets.mkdir(parents=True)
    (datasets.parent / "__init__.py").write_text(package)
    (datasets / "__init__.py").touch()
    (datasets / "mnist.py").write_text(f"import os, sys, time\nimport numpy as np\ndef load_data():\n    {load_data}\n")
    environment = os.environ | {"PYTHONPATH": str(folder / "packages")}
    return KerasProcess(environment=environment, timeout_s=timeout_s)


def test_the_arrays_that_keras_returns_arrive_as_an_npz(tmp_path: Path):
    keras = process_with(
        tmp_path, "return (np.full((2, 3, 3), 7, 'u1'), np.array([0, 1])), (np.zeros((1, 3, 3)), np.array([1]))"
    )

    arrays = read_npz(keras.load("mnist", tmp_path), "there", ARRAYS)

    assert arrays["x_train"].tolist() == np.full((2, 3, 3), 7).tolist()
    assert arrays["y_test"].tolist() == [1]


def test_keras_is_given_the_home_and_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    keras = process_with(
        tmp_path,
        "open(os.environ['KERAS_HOME'] + '/was_here', 'w').close(); print('chatter'); print('x', file=sys.stderr); "
        "return ((1, 2), (3, 4))",
    )

    keras.load("mnist", tmp_path)

    assert (tmp_path / "was_here").exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("load_data", "package", "message"),
    [
        ("raise OSError('no network here')", "__version__ = '3.99'", "^no network here$"),
        ("raise KeyError", "__version__ = '3.99'", r"^KeyError\(\)$"),
        ("os._exit(7)", "__version__ = '3.99'", "^Keras ended with the exit status 7$"),
        ("pass", "raise ModuleNotFoundError('no backend')", "^Keras cannot be imported: no backend$"),
        ("pass", "__version__ = '2.2.4'", r"^Keras 3 is needed, found 2\.2\.4$"),
    ],
)
def test_whatever_fails_in_keras_becomes_one_line(tmp_path: Path, load_data: str, package: str, message: str):
    keras = process_with(tmp_path, load_data, package)

    with pytest.raises(DatasetError, match=message):
        keras.load("mnist", tmp_path)


def test_keras_is_stopped_when_it_takes_too_long(tmp_path: Path):
    keras = process_with(tmp_path, "time.sleep(600)", timeout_s=0.5)

    with pytest.raises(DatasetError, match=r"Keras did not finish within 0\.5 s"):
        keras.load("mnist", tmp_path)


def test_a_file_called_like_keras_in_the_current_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    keras = process_with(tmp_path, "return ((1, 2), (3, 4))")
    (tmp_path / "keras.py").write_text("raise SystemExit('the wrong keras')")
    monkeypatch.chdir(tmp_path)

    assert keras.load("mnist", tmp_path).is_file()


def test_downloaded_files_are_kept_where_keras_would_have_left_them(tmp_path: Path):
    (tmp_path / "home" / "fashion-mnist").mkdir(parents=True)
    (tmp_path / "home" / "fashion-mnist" / "a.gz").write_bytes(b"new")

    keep_download(("fashion-mnist/a.gz", "absent"), tmp_path / "home", tmp_path / "kept")

    assert (tmp_path / "kept" / "fashion-mnist" / "a.gz").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "kept" / "fashion-mnist").iterdir()] == ["a.gz"]


def test_the_real_keras_reads_the_same_fashion_images_as_we_do(tmp_path: Path):
    if importlib.util.find_spec("keras") is None:
        pytest.skip("Keras is not installed")
    if not DEBIAN_FASHION.is_dir():
        if os.environ.get("CI"):
            pytest.fail("CI must have dataset-fashion-mnist installed")
        pytest.skip("dataset-fashion-mnist is not installed")
    (tmp_path / "datasets" / "fashion-mnist").mkdir(parents=True)
    for path in DEBIAN_FASHION.iterdir():
        (tmp_path / "datasets" / "fashion-mnist" / path.name).symlink_to(path)
    # The files are all there; a proxy that is none keeps Keras from the network even if they were not.
    keras = KerasProcess(environment=os.environ | {"https_proxy": "http://127.0.0.1:9"})

    arrays = read_npz(keras.load("fashion_mnist", tmp_path), "there", ARRAYS)

    assert content_sha256(arrays) == FASHION.sha256
