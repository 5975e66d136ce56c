"""Hostile files of models take neither memory nor code; what becomes of damaged ones: tests/fuzzing."""

import io
import json
import re
import resource
import struct
import sys
import zipfile
from pathlib import Path

import h5py
import pytest

from deepchord.shared.errors import CheckpointError
from deepchord.shared.saved_models import read_network, read_weights
from tests.shared.saved_models import saved


def archive(path: Path, configuration: str, weights: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("metadata.json", "{}")
        file.writestr("config.json", configuration)
        file.writestr("model.weights.h5", weights)
    return path


def test_what_an_archive_unpacks_to_is_bounded(tmp_path: Path):
    bomb = archive(tmp_path / "bomb.keras", "{}", bytes(2**27), zipfile.ZIP_DEFLATED)
    wordy = archive(tmp_path / "wordy.keras", " " * 2**23, b"", zipfile.ZIP_DEFLATED)
    other = archive(tmp_path / "other.keras", "{}", bytes(99), zipfile.ZIP_BZIP2)

    for path, sentence in (
        (bomb, "model.weights.h5 unpacks to far more than a model needs"),
        (wordy, "config.json unpacks to far more|not a readable HDF5"),
        (other, "model.weights.h5 is compressed in a way that Keras does not use"),
    ):
        with pytest.raises(CheckpointError, match=sentence):
            read_network(path, saved.SHAPE)


def test_nothing_that_a_configuration_names_is_made(tmp_path: Path):
    configuration = saved.configuration_2()
    code = {"class_name": "Lambda", "module": "keras.layers", "config": {"function": ["4wEAAA==", None, None]}}
    configuration["config"]["layers"].insert(1, code)
    path = archive(tmp_path / "evil.keras", json.dumps(configuration), _hdf5())

    with pytest.raises(CheckpointError, match=r"\(Lambda\) is of a type that deepchord does not compute"):
        read_network(path, saved.SHAPE)


def _hdf5() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_group("layers")
    return buffer.getvalue()


@pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps to such a limit")
def test_a_text_that_claims_to_be_of_gigabytes_takes_none(tmp_path: Path) -> None:
    path = saved.weights_file(tmp_path / "weights.h5", saved.keras_2())
    data = bytearray(path.read_bytes())
    heaps = [found.start() for found in re.finditer(rb"GCOL\x01", data)]
    place = next(at for heap in heaps if (at := data.find(struct.pack("<QI", heap, 1))) >= 0)
    data[place - 4 : place + 12] = struct.pack("<IQI", 0xF0000000, 0x7FFFFFF0, 1)  # in a list that is not there
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(CheckpointError, match=r"weights\.h5 is not a readable HDF5 file, or it is damaged"):
        read_weights(path, saved.RESOLVED)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kilobytes
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
