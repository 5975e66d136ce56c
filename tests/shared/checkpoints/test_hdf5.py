import io
import os
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepchord.shared.checkpoints import Weights, decode_checkpoint, encode_checkpoint, weighted_layers
from deepchord.shared.errors import CheckpointError
from deepchord.shared.network import (
    Architecture,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
    ResolvedArchitecture,
)
from tests.keras_models import NOTEBOOK

ARCHITECTURE = Architecture(
    layers=(
        Conv2D(filters=2),
        BatchNormalization(),
        MaxPooling2D(),
        Flatten(),
        Dropout(rate=0.5),
        Dense(units=4, activation="relu"),
        Dense(units="classes", activation="softmax"),
    )
).resolve(input_shape=(4, 4, 1), classes=3)
#: As Keras 2.2.4 names its layers when some models were made before in the same process.
KERAS_NAMES = (
    "conv2d_37",
    "batch_normalization_4",
    "max_pooling2d_13",
    "flatten_5",
    "dropout_9",
    "dense_12",
    "dense_13",
)


def random_weights(architecture: ResolvedArchitecture = ARCHITECTURE, seed: int = 0) -> Weights:
    generator = np.random.default_rng(seed)
    return tuple(
        tuple(generator.uniform(0.1, 1, weight.shape).astype(np.float32) for weight in layer.weights)
        for layer in weighted_layers(architecture)
    )


def assert_same(found: Weights, expected: Weights) -> None:
    assert [len(arrays) for arrays in found] == [len(arrays) for arrays in expected]
    for found_arrays, expected_arrays in zip(found, expected, strict=True):
        for array, wanted in zip(found_arrays, expected_arrays, strict=True):
            assert array.dtype == np.float32
            np.testing.assert_array_equal(array, wanted)


def write_as_keras_2(root: h5py.Group, weights: Weights, names: Any = np.asarray) -> None:
    """Write into a group what `Model.save_weights` of Keras 2.2.4 does (keras/engine/saving.py)."""
    remaining = iter(weights)
    root.attrs["layer_names"] = names([name.encode("utf8") for name in KERAS_NAMES])
    root.attrs["backend"] = b"tensorflow"
    root.attrs["keras_version"] = b"2.2.4"
    for layer, name in zip(ARCHITECTURE.layers, KERAS_NAMES, strict=True):
        group = root.create_group(name)
        arrays = next(remaining) if layer.weights else ()
        paths = [f"{name}/{weight.name}:0".encode() for weight in layer.weights]
        group.attrs["weight_names"] = names(paths)
        for path, array in zip(paths, arrays, strict=True):
            group.create_dataset(path, array.shape, dtype=array.dtype)[:] = array


def file_with(change: Callable[[h5py.File], None]) -> bytes:
    """A good file of Keras 2, changed."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        write_as_keras_2(file, random_weights())
        change(file)
    return buffer.getvalue()


@contextmanager
def refused(*parts: str) -> Iterator[None]:
    """Expect a CheckpointError of one clear sentence, that names the file and holds the parts."""
    with pytest.raises(CheckpointError) as caught:
        yield
    message = str(caught.value)
    assert message.startswith("old.hdf5")
    assert message.endswith((".", ")"))
    assert "\n" not in message
    for part in parts:
        assert part in message


@st.composite
def networks(draw: st.DrawFn) -> ResolvedArchitecture:
    size = st.integers(1, 5)
    middle = st.one_of(
        st.builds(Conv2D, filters=size, kernel_size=size), st.just(BatchNormalization()), st.just(Dropout(rate=0.5))
    )
    rows = st.one_of(st.builds(Dense, units=size), st.just(BatchNormalization()))
    layers = (*draw(st.lists(middle, max_size=4)), Flatten(), *draw(st.lists(rows, max_size=3)))
    last = Dense(units="classes", activation="softmax")
    shape = draw(st.tuples(size, size, size))
    return Architecture(layers=(*layers, last)).resolve(input_shape=shape, classes=draw(st.integers(2, 5)))


@given(network=networks(), seed=st.integers(0, 99))
def test_weights_come_back_from_their_bytes_bit_for_bit(network: ResolvedArchitecture, seed: int):
    weights = random_weights(network, seed)

    data = encode_checkpoint(network, weights)

    assert_same(decode_checkpoint(data, network, "old.hdf5"), weights)


def test_the_same_weights_give_the_same_bytes():
    assert encode_checkpoint(ARCHITECTURE, random_weights()) == encode_checkpoint(ARCHITECTURE, random_weights())


def test_the_file_has_the_layout_of_keras_2():
    data = encode_checkpoint(ARCHITECTURE, random_weights())

    with h5py.File(io.BytesIO(data), "r") as file:
        names = [name.decode() for name in file.attrs["layer_names"]]
        assert names == [layer.name for layer in ARCHITECTURE.layers]
        assert names == list(file) or sorted(names) == list(file)
        assert list(file["flatten_1"].attrs["weight_names"]) == []
        assert list(file["dense_1"].attrs["weight_names"]) == [b"dense_1/kernel:0", b"dense_1/bias:0"]
        assert file["dense_1/dense_1/kernel:0"].shape == (8, 4)
        assert file["dense_1/dense_1/kernel:0"].dtype == np.float32


def test_weights_of_too_few_layers_are_not_encoded():
    with pytest.raises(ValueError, match="shorter"):
        encode_checkpoint(ARCHITECTURE, random_weights()[:-1])


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(np.asarray, id="arrays_of_bytes"),
        pytest.param(lambda names: [name.decode() for name in names], id="str"),
        pytest.param(lambda names: np.array(names, dtype=h5py.string_dtype()), id="variable_length"),
    ],
)
def test_a_file_that_keras_2_saved_is_read_however_its_names_are_stored(names: Any):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        write_as_keras_2(file, random_weights(), names)

    assert_same(decode_checkpoint(buffer.getvalue(), ARCHITECTURE, "old.hdf5"), random_weights())


def test_lists_of_names_that_keras_split_are_joined():
    def split(file: h5py.File) -> None:
        for group, attribute in ((file, "layer_names"), (file["dense_12"], "weight_names")):
            names = group.attrs[attribute]
            del group.attrs[attribute]
            for number, chunk in enumerate(np.array_split(names, 2)):
                group.attrs[f"{attribute}{number}"] = chunk

    assert_same(decode_checkpoint(file_with(split), ARCHITECTURE, "old.hdf5"), random_weights())


def test_a_whole_model_that_keras_2_saved_is_read():
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs["model_config"] = b"{}"
        write_as_keras_2(file.create_group("model_weights"), random_weights())
        file.create_group("optimizer_weights").attrs["weight_names"] = np.array([b"training/Nadam/iterations:0"])

    assert_same(decode_checkpoint(buffer.getvalue(), ARCHITECTURE, "old.hdf5"), random_weights())


@pytest.mark.parametrize("dtype", ["<f2", "<f8", ">f4"])
def test_floating_point_numbers_of_other_sizes_are_read_as_float32(dtype: str):
    bias = np.arange(3).astype(dtype)

    def widen(file: h5py.File) -> None:
        del file["dense_13/dense_13/bias:0"]
        file["dense_13/dense_13/bias:0"] = bias

    found = decode_checkpoint(file_with(widen), ARCHITECTURE, "old.hdf5")[-1][1]

    assert found.dtype == np.dtype(np.float32)
    np.testing.assert_array_equal(found, [0, 1, 2])


def test_another_network_is_refused_with_the_layer_and_both_shapes():
    other = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
    larger = other.resolve(input_shape=(4, 4, 3), classes=3)
    smaller = other.resolve(input_shape=(4, 4, 1), classes=3)
    data = encode_checkpoint(smaller, random_weights(smaller))

    with refused("does not fit the network", "dense_1", "16x3 and 3", "48x3 and 3"):
        decode_checkpoint(data, larger, "old.hdf5")


def test_a_network_with_fewer_or_more_layers_is_refused_with_the_first_that_is_missing_or_too_many():
    def drop_last(file: h5py.File) -> None:
        file.attrs["layer_names"] = file.attrs["layer_names"][:-1]

    with refused("its layers end there, expected 4x3 and 3 for dense_2"):
        decode_checkpoint(file_with(drop_last), ARCHITECTURE, "old.hdf5")
    shorter = ResolvedArchitecture(input_shape=(4, 4, 1), layers=ARCHITECTURE.layers[:-1], outputs=ARCHITECTURE.outputs)
    with refused("layer dense_13 has the shapes 4x3 and 3, expected no further layer with weights"):
        decode_checkpoint(file_with(lambda file: None), shorter, "old.hdf5")


def replace(path: str, array: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[path]
        file[path] = array

    return change


BIAS = "dense_13/dense_13/bias:0"


@pytest.mark.parametrize(
    ("array", "parts"),
    [
        pytest.param(np.array([1, np.nan, 0], np.float32), ["dense_13", "NaN"], id="nan"),
        pytest.param(np.array([1, -np.inf, 0], np.float32), ["dense_13", "infinite"], id="infinite"),
        pytest.param(np.array([1, 1e300, 0]), ["dense_13", "infinite"], id="too_large_for_float32"),
        pytest.param(np.array([1, 2, 3]), ["dense_13/bias:0", "int64", "floating-point"], id="integers"),
        pytest.param(np.array([True, False, True]), ["dense_13/bias:0", "floating-point"], id="booleans"),
        pytest.param(np.array([b"a", b"b", b"c"]), ["dense_13/bias:0", "floating-point"], id="text"),
        pytest.param(np.float32(1), ["dense_13", "of one number"], id="scalar"),
        pytest.param(h5py.Empty("f4"), ["dense_13", "of one number"], id="empty"),
        pytest.param(np.zeros((3, 1), np.float32), ["dense_13", "3x1"], id="another_rank"),
    ],
)
def test_arrays_that_are_no_weights_are_refused(array: Any, parts: list[str]):
    with refused(*parts):
        decode_checkpoint(file_with(replace(BIAS, array)), ARCHITECTURE, "old.hdf5")


@pytest.mark.parametrize(
    ("path", "link"),
    [
        pytest.param(path, link, id=f"{type(link).__name__}-{path.count('/')}")
        for path in (BIAS, "dense_13/dense_13", "dense_13")
        for link in (h5py.SoftLink("/flatten_5"), h5py.ExternalLink("other.hdf5", "/"))
    ],
)
def test_links_are_refused_wherever_they_stand_on_the_way(path: str, link: Any):
    with refused("is a link"):
        decode_checkpoint(file_with(replace(path, link)), ARCHITECTURE, "old.hdf5")


def test_another_file_is_not_even_opened(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # opening it would wait for a writer

    with refused("is a link"):
        decode_checkpoint(file_with(replace("dense_13", h5py.ExternalLink(str(pipe), "/"))), ARCHITECTURE, "old.hdf5")
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["model_weights"] = h5py.ExternalLink(str(pipe), "/")
    with refused("is a link"):
        decode_checkpoint(buffer.getvalue(), ARCHITECTURE, "old.hdf5")


def test_arrays_in_other_files_are_refused(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(12))

    def external(file: h5py.File) -> None:
        del file[BIAS]
        file.create_dataset(BIAS, (3,), "f4", external=[(str(secret), 0, 12)])

    def virtual(file: h5py.File) -> None:
        del file[BIAS]
        layout = h5py.VirtualLayout(shape=(3,), dtype="f4")
        layout[:] = h5py.VirtualSource(str(secret), "x", shape=(3,))
        file.create_virtual_dataset(BIAS, layout)

    for change in (external, virtual):
        with refused("no plain array"):
            decode_checkpoint(file_with(change), ARCHITECTURE, "old.hdf5")


def test_compressed_arrays_are_refused_because_nobody_knows_how_large_they_become():
    def compress(file: h5py.File) -> None:
        del file[BIAS]
        file.create_dataset(BIAS, data=np.zeros(3, np.float32), compression="gzip")

    with refused("no plain array", "compressed"):
        decode_checkpoint(file_with(compress), ARCHITECTURE, "old.hdf5")


def test_a_terabyte_that_a_header_claims_is_not_allocated():
    def enlarge(file: h5py.File) -> None:
        del file[BIAS]
        file.create_dataset(BIAS, (2**38,), "f4", chunks=(1024,))

    data = file_with(enlarge)
    tracemalloc.start()
    try:
        with refused("274877906944", "expected 4x3 and 3"):
            decode_checkpoint(data, ARCHITECTURE, "old.hdf5")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("attribute", "value", "part"),
    [
        pytest.param("layer_names", np.array([]), "its layers end there", id="empty"),
        pytest.param("layer_names", h5py.Empty("f4"), "its layers end there", id="null"),
        pytest.param("layer_names", np.array([b"dense_12", b"dense_12"]), "names something twice", id="twice"),
        pytest.param("layer_names", np.array([1.0, 2.0]), "no list of names", id="numbers"),
        pytest.param("layer_names", b"dense_12", "no list of names", id="one_name"),
        pytest.param("layer_names", np.array([[b"dense_12"]]), "no list of names", id="a_table"),
        pytest.param("layer_names", np.array([b"dense_99"]), "damaged or cut short", id="no_such_layer"),
        pytest.param("layer_names", np.array([b"dense_12", b"\xff"]), "damaged or cut short", id="no_utf_8"),
        pytest.param("layer_names", np.array([b"/"]), "damaged or cut short", id="the_root"),
        pytest.param("layer_names", np.array([b".."]), "damaged or cut short", id="above"),
        pytest.param("layer_names", np.array([b"dense_13/" + BIAS[9:].encode()]), "a group", id="an_array"),
    ],
)
def test_lists_of_names_that_are_none_are_refused(attribute: str, value: Any, part: str):
    def change(file: h5py.File) -> None:
        file.attrs[attribute] = value

    with refused(part):
        decode_checkpoint(file_with(change), ARCHITECTURE, "old.hdf5")


@pytest.mark.parametrize(
    ("value", "part"),
    [
        pytest.param(np.array([]), "its layers end there", id="empty"),
        pytest.param(np.array([b"dense_13/bias:0"] * 2), "names something twice", id="twice"),
        pytest.param(np.array([b"dense_13/kernel:0"]), "has the shapes 4x3, expected 4x3 and 3", id="too_few"),
        pytest.param(np.array([b"dense_13"]), "a dataset", id="a_group"),
        pytest.param(np.array([b"dense_13/scale:0"]), "damaged or cut short", id="no_such_array"),
        pytest.param(np.array([b"dense_13/kernel:0/x"]), "is a link", id="below_an_array"),
        pytest.param(np.array([b"."]), "damaged or cut short", id="itself"),
    ],
)
def test_lists_of_arrays_that_are_none_are_refused(value: Any, part: str):
    def change(file: h5py.File) -> None:
        file["dense_13"].attrs["weight_names"] = value

    with refused(part):
        decode_checkpoint(file_with(change), ARCHITECTURE, "old.hdf5")


def test_a_layer_without_a_list_of_arrays_is_refused():
    def change(file: h5py.File) -> None:
        del file["dense_13"].attrs["weight_names"]

    with refused("damaged or cut short"):
        decode_checkpoint(file_with(change), ARCHITECTURE, "old.hdf5")


@pytest.mark.parametrize("data", [b"", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04 a .keras file", b"<html>404</html>" * 99])
def test_bytes_that_are_no_hdf5_are_refused(data: bytes):
    with refused("is not a readable HDF5 file"):
        decode_checkpoint(data, ARCHITECTURE, "old.hdf5")


def test_an_array_whose_numbers_are_not_in_the_file_is_refused():
    def leave_out(file: h5py.File) -> None:
        del file[BIAS]
        file.create_dataset(BIAS, (3,), "f4")

    with refused("dense_13", "claims more numbers than the file holds"):
        decode_checkpoint(file_with(leave_out), ARCHITECTURE, "old.hdf5")


def test_hdf5_of_something_else_is_refused():
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["temperatures"] = np.zeros(3)

    with refused("not in the layout of Keras 2"):
        decode_checkpoint(buffer.getvalue(), ARCHITECTURE, "old.hdf5")


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_short_is_refused(share: float):
    data = file_with(lambda file: None)

    with refused():
        decode_checkpoint(data[: int(len(data) * share)], ARCHITECTURE, "old.hdf5")


@settings(max_examples=300)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=16),
    ours=st.booleans(),
)
def test_damaged_bytes_give_weights_that_fit_or_one_clear_error(changes: list[tuple[float, int]], ours: bool):
    good = encode_checkpoint(ARCHITECTURE, random_weights()) if ours else file_with(lambda file: None)
    data = bytearray(good)
    for place, value in changes:
        data[int(place * len(data))] = value

    try:
        found = decode_checkpoint(bytes(data), ARCHITECTURE, "old.hdf5")
    except CheckpointError:
        return
    shapes = [[weight.shape for weight in layer.weights] for layer in weighted_layers(ARCHITECTURE)]
    assert [[array.shape for array in arrays] for arrays in found] == shapes
    assert all(np.isfinite(array).all() for arrays in found for array in arrays)


@pytest.mark.slow
def test_keras_3_reads_a_checkpoint_of_ours_with_the_same_probabilities(keras_3: Path):
    with np.load(keras_3 / "probabilities.npz") as found:
        np.testing.assert_array_equal(found["read"], found["told"])
        assert found["read"].std() > 0.01


@pytest.mark.slow
def test_a_whole_model_that_keras_3_saved_as_hdf5_is_read(keras_3: Path):
    found = decode_checkpoint((keras_3 / "whole.hdf5").read_bytes(), NOTEBOOK, "whole.hdf5")

    with np.load(keras_3 / "keras.npz") as saved:
        expected = [saved[f"arr_{number}"] for number in range(len(saved.files) - 1)]
    flat = [array for arrays in found for array in arrays]
    assert len(flat) == len(expected)
    for array, wanted in zip(flat, expected, strict=True):
        np.testing.assert_array_equal(array, wanted)
