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

from deepchord.shared.files import describe_kind, kind_of, kinds, write_npz
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
    (b"", kinds.EMPTY),
    (bytes(9000), kinds.ZEROS),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n", kinds.GIT_LFS),
    (b"/annex/objects/SHA256E-s9--ab.h5\n", kinds.GIT_ANNEX),
    (b"outs:\n- md5: ab\n  path: weights.h5\n", kinds.DVC),
    (b"\n\n<!DOCTYPE html>\n<html><title>404</title></html>", kinds.WEB_PAGE),
    (b"\xef\xbb\xbf<!-- saved from url --><HTML>", kinds.WEB_PAGE),
    (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", kinds.APPLE_DOUBLE),
    (hdf5(), kinds.HDF5),
    (hdf5(512), kinds.HDF5),
    (hdf5()[:100], kinds.HDF5),
    (zipped(**KERAS), kinds.KERAS),
    (zipped(**KERAS)[:-9], kinds.BROKEN_ZIP),
    (write_npz({"x": np.zeros(3)}), kinds.NPZ),
    (npy(), kinds.NPY),
    (zipped(**{"archive/data.pkl": b"", "archive/version": b"3"}), kinds.PYTORCH),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", kinds.PYTORCH),
    (zipped(**{"m/saved_model.pb": b""}), kinds.SAVED_MODEL),
    (zipped(**{"weights.h5": b""}), kinds.ZIP),
    (pickle.dumps({"a": 1}), kinds.PICKLE),
    (pickle.dumps([np.zeros(3)], protocol=2), kinds.PICKLE),
    (b"\x1c\x00\x00\x00TFL3\x14\x00 \x00", kinds.TFLITE),
    (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", kinds.ONNX),
    (b"\x08\x00\x00\x00\x00\x00\x00\x00{}", None),
    (b'\x40\x00\x00\x00\x00\x00\x00\x00{"w":{"dtype":"F32"}}', kinds.SAFETENSORS),
    (b"GGUF\x03\x00\x00\x00", kinds.GGUF),
    (b'model_checkpoint_path: "ckpt-1"\n', kinds.TF_CHECKPOINT),
    (gzip.compress(hdf5()), kinds.GZIP),
    (tarred(), kinds.TAR),
    (b"\xfd7zXZ\x00\x00\x04", kinds.COMPRESSED),
    (b"\x00\x00\x08\x03\x00\x00\xea\x60", kinds.IDX),
    (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", kinds.MATLAB),
    (b"\x89PNG\r\n\x1a\n", kinds.PICTURE),
    (b'{"class_name": "Sequential"}', kinds.JSON),
    ("Genauigkeit: 91 %, für zehn Netze ü".encode()[:-1], kinds.TEXT),
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
    assert kind_of(tmp_path / "exported") is kinds.SAVED_MODEL
    assert kind_of(tmp_path / "w.h5") is kinds.GIT_ANNEX
    assert kind_of(tmp_path / "pipe") is kinds.DEVICE
    with pytest.raises(FileNotFoundError):
        kind_of(tmp_path / "nothing")


def test_what_is_told_is_a_clause_with_its_remedy():
    assert (
        describe_kind(kinds.GIT_LFS)
        == "it is a Git LFS pointer, not the file itself; fetch what it points to with `git lfs pull`"
    )
    assert describe_kind(kinds.ONNX) == "it is an ONNX model"
    assert describe_kind(None) == ""


@given(content=st.binary(max_size=200))
@example(content=b"PK\x03\x04" + bytes(40))
@example(content=b"<!---->" * 500)
def test_any_bytes_are_told_or_not_and_nothing_else_happens(content: bytes):
    assert isinstance(kind_of_content(io.BytesIO(content)), FileKind | None)
