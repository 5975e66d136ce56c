"""Weights as HDF5, in the layout that `save_weights` of Keras 2 writes and Keras 3 can read.

The root has the attribute `layer_names`. Each layer is a group with the attribute `weight_names`: the paths of its data
sets below that group. Layers are matched by their order and not by their names, because Keras numbers its layers again
in each process.
"""

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import CheckpointError
from deepchord.shared.files import find_object, has_names, open_hdf5, plain_array, read_names
from deepchord.shared.network import ResolvedArchitecture, ResolvedLayer

#: One tuple of arrays for each layer that has weights, in the order of `ResolvedLayer.weights`.
Weights = tuple[tuple[NDArray[np.float32], ...], ...]

#: The names of what Keras's Normalization has seen, in Keras 2 and 3.
_COUNT = re.compile(r"(^|/)count(:0)?$")


@dataclass(frozen=True, kw_only=True)
class StoredLayer:
    """The arrays of a layer in a file; none of them is in memory yet."""

    name: str
    #: The name of each array, such as `dense_1/kernel:0`.
    paths: tuple[str, ...]
    arrays: tuple[h5py.Dataset, ...]


def weighted_layers(architecture: ResolvedArchitecture) -> tuple[ResolvedLayer, ...]:
    """Return the layers that have weights, in order."""
    return tuple(layer for layer in architecture.layers if layer.weights)


def encode_checkpoint(architecture: ResolvedArchitecture, weights: Weights) -> bytes:
    """Return weights as the bytes of an HDF5 file.

    Args:
        architecture: The network that the weights belong to.
        weights: One tuple of float32 arrays per layer that has weights.
    """
    arrays = {layer.name: own for layer, own in zip(weighted_layers(architecture), weights, strict=True)}
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["layer_names"] = np.array([layer.name.encode() for layer in architecture.layers])
        file.attrs["backend"] = np.bytes_("deepchord")
        file.attrs["keras_version"] = np.bytes_("2.2.4")
        for layer in architecture.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = np.array([name.encode() for name in names], dtype="S")
            for name, array in zip(names, arrays.get(layer.name, ()), strict=True):
                group.create_dataset(name, data=np.asarray(array, dtype=np.float32))
    return buffer.getvalue()


def decode_checkpoint(data: bytes, architecture: ResolvedArchitecture, source: str) -> Weights:
    """Return the weights in an HDF5 file of deepchord, Keras 2, or Keras 3 in the old layout.

    Args:
        data: The bytes of the file: `save_weights`, or a whole model saved as HDF5.
        architecture: The network that the weights must fit.
        source: The file's name, for errors.

    Raises:
        CheckpointError: The file is damaged, not HDF5, has another layout, or belongs to another network.
    """
    with open_hdf5(io.BytesIO(data), source) as file:
        root = weights_root(file, source)
        if root is None:
            raise CheckpointError(
                f"{source} is HDF5, but not in the layout of Keras 2 `save_weights` (it has no attribute layer_names)."
            )
        stored = tuple(layer for layer in stored_layers(root, source) if layer.arrays)
        check_fit(stored, architecture, source)
        return tuple(read_layer(layer, source) for layer in stored)


def weights_root(file: h5py.File, source: str) -> h5py.Group | None:
    """Return the group that lists the layers: the root, or `model_weights` of a whole model; None if none does."""
    root = file
    if not has_names(root, "layer_names") and file.id.links.exists(b"model_weights"):
        root = find_object(file, "model_weights", h5py.Group, source)
    return root if has_names(root, "layer_names") else None


def stored_layers(root: h5py.Group, source: str) -> Iterator[StoredLayer]:
    """Yield the layers that a group lists, including layers without weights."""
    for name in read_names(root, "layer_names", source):
        group = find_object(root, name, h5py.Group, source)
        # The count of the values that a layer has seen is no weight.
        paths = [path for path in read_names(group, "weight_names", source) if not _COUNT.search(path)]
        yield StoredLayer(
            name=name, paths=tuple(paths), arrays=tuple(plain_array(group, path, source) for path in paths)
        )


def check_fit(stored: tuple[StoredLayer, ...], architecture: ResolvedArchitecture, source: str) -> None:
    """Raise `CheckpointError` unless the layers with weights have the shapes of the network, in its order."""
    for own, layer in itertools.zip_longest(stored, weighted_layers(architecture)):
        shapes = tuple(array.shape for array in own.arrays) if own else None
        wanted = tuple(weight.shape for weight in layer.weights) if layer else None
        if shapes != wanted:
            what = f"layer {own.name} has the shapes {describe_shapes(shapes)}" if shapes else "its layers end there"
            instead = f"{describe_shapes(wanted)} for {layer.name}" if wanted else "no further layer with weights"
            raise CheckpointError(
                f"{source} does not fit the network: {what}, expected {instead}. "
                "Give the network that it was trained with (--architecture file.toml)."
            )


def read_layer(layer: StoredLayer, source: str) -> tuple[NDArray[np.float32], ...]:
    """Return the arrays of a layer whose shapes have been checked.

    Raises:
        CheckpointError: Values are missing, NaN or infinite.
    """
    if any(array.id.get_storage_size() < array.nbytes for array in layer.arrays):
        raise CheckpointError(f"{source}: layer {layer.name} claims more numbers than the file holds.")
    with np.errstate(over="ignore"):
        arrays = tuple(np.asarray(array[()]).astype(np.float32, copy=False) for array in layer.arrays)
    if not all(np.isfinite(array).all() for array in arrays):
        raise CheckpointError(f"{source}: layer {layer.name} holds NaN or infinite weights.")
    return arrays


def describe_shapes(shapes: Sequence[tuple[int, ...] | None] | None) -> str:
    """Return shapes as text, such as `3x3x1x16 and 16`."""
    return " and ".join("x".join(str(size) for size in shape or ()) or "of one number" for shape in shapes or ())
