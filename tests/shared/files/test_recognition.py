import gzip
import io
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deepchord.shared.files import describe_kind, kind_of, recognition, write_npz
from deepchord.shared.files.recognition import FileKind, kind_of_content


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def hdf5(user_block: int = 0) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=user_block) as file:
        file["x"] = np.zeros(3)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights.h5"), io.BytesIO())
    return buffer.getvalue()


def npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


KERAS = {"config.json": b"{}", "model.weights.h5": b"", "metadata.json": b"{}"}
CONTENTS = [
    (b"", recognition.EMPTY),
    (bytes(9000), recognition.ZEROS),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n", recognition.GIT_LFS),
    (b"/annex/objects/SHA256E-s9--ab.h5\n", recognition.GIT_ANNEX),
    (b"outs:\n- md5: ab\n  path: weights.h5\n", recognition.DVC),
    (b"\n\n<!DOCTYPE html>\n<html><title>404</title></html>", recognition.WEB_PAGE),
    (b"\xef\xbb\xbf<!-- saved from url --><HTML>", recognition.WEB_PAGE),
    (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", recognition.APPLE_DOUBLE),
    (hdf5(), recognition.HDF5),
    (hdf5(512), recognition.HDF5),
    (hdf5()[:100], recognition.HDF5),
    (zipped(**KERAS), recognition.KERAS),
    (zipped(**KERAS)[:-9], recognition.BROKEN_ZIP),
    (write_npz({"x": np.zeros(3)}), recognition.NPZ),
    (npy(), recognition.NPY),
    (zipped(**{"archive/data.pkl": b"", "archive/version": b"3"}), recognition.PYTORCH),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", recognition.PYTORCH),
    (zipped(**{"m/saved_model.pb": b""}), recognition.SAVED_MODEL),
    (zipped(**{"weights.h5": b""}), recognition.ZIP),
    (pickle.dumps({"a": 1}), recognition.PICKLE),
    (pickle.dumps([np.zeros(3)], protocol=2), recognition.PICKLE),
    (b"\x1c\x00\x00\x00TFL3\x14\x00 \x00", recognition.TFLITE),
    (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", recognition.ONNX),
    (b"\x08\x00\x00\x00\x00\x00\x00\x00{}", None),
    (b'\x40\x00\x00\x00\x00\x00\x00\x00{"w":{"dtype":"F32"}}', recognition.SAFETENSORS),
    (b"GGUF\x03\x00\x00\x00", recognition.GGUF),
    (b'model_checkpoint_path: "ckpt-1"\n', recognition.TF_CHECKPOINT),
    (gzip.compress(hdf5()), recognition.GZIP),
    (tarred(), recognition.TAR),
    (b"\xfd7zXZ\x00\x00\x04", recognition.COMPRESSED),
    (b"\x00\x00\x08\x03\x00\x00\xea\x60", recognition.IDX),
    (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", recognition.MATLAB),
    (b"\x89PNG\r\n\x1a\n", recognition.PICTURE),
    (b'{"class_name": "Sequential"}', recognition.JSON),
    ("Genauigkeit: 91 %, für zehn Netze ü".encode()[:-1], recognition.TEXT),
    (b"\x07\x01\x02 whatever", None),
]


@pytest.mark.parametrize(("content", "kind"), CONTENTS)
def test_a_file_is_told_by_its_first_bytes(tmp_path: Path, content: bytes, kind: FileKind | None):
    (tmp_path / "weights.h5").write_bytes(content)

    assert kind_of(tmp_path / "weights.h5") is kind


def test_folders_pipes_and_links_are_told_without_waiting_for_them(tmp_path: Path):
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / "saved_model.pb").touch()
    (tmp_path / "w.h5").symlink_to("../.git/annex/objects/a/b/SHA256E-s9--ab.h5")
    os.mkfifo(tmp_path / "pipe")

    assert kind_of(tmp_path) is None
    assert kind_of(tmp_path / "exported") is recognition.SAVED_MODEL
    assert kind_of(tmp_path / "w.h5") is recognition.GIT_ANNEX
    assert kind_of(tmp_path / "pipe") is recognition.DEVICE
    with pytest.raises(FileNotFoundError):
        kind_of(tmp_path / "nothing")


def test_what_is_told_is_a_clause_with_its_remedy():
    assert (
        describe_kind(recognition.GIT_LFS)
        == "it is a Git LFS pointer, not the file itself; fetch what it points to with `git lfs pull`"
    )
    assert describe_kind(recognition.ONNX) == "it is an ONNX model"
    assert describe_kind(None) == ""


@given(content=st.binary(max_size=200))
@example(content=b"PK\x03\x04" + bytes(40))
@example(content=b"<!---->" * 500)
def test_any_bytes_are_told_or_not_and_nothing_else_happens(content: bytes):
    assert isinstance(kind_of_content(io.BytesIO(content)), FileKind | None)
