"""Weights as HDF5, in the layout that Keras 2 `save_weights` writes and that Keras 3 reads as well.

The root has the attribute `layer_names`; each layer is a group with the attribute `weight_names`, which are the
paths of its data sets below that group. Layers are matched by their order, not by their names: Keras numbers its
layers anew in every process.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from shared.architecture import ResolvedArchitecture, ResolvedLayer
from shared.errors import CheckpointError

#: The arrays of all layers that have weights, layer by layer, in the order of `ResolvedLayer.weights`.
Weights = tuple[tuple[NDArray[np.float32], ...], ...]


@dataclass(frozen=True, kw_only=True)
class _StoredLayer:
    name: str
    arrays: tuple[NDArray[Any], ...]


def weighted_layers(architecture: ResolvedArchitecture) -> tuple[ResolvedLayer, ...]:
    """Return the layers that have weights, in order."""
    return tuple(layer for layer in architecture.layers if layer.weights)


def encode_checkpoint(architecture: ResolvedArchitecture, weights: Weights) -> bytes:
    """Return weights as the bytes of an HDF5 file.

    Args:
        architecture: The network that the weights belong to.
        weights: One tuple of float32 arrays per layer that has weights.
    """
    arrays = iter(weights)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["layer_names"] = np.array([layer.name.encode() for layer in architecture.layers])
        file.attrs["backend"] = np.bytes_("deepchord")
        file.attrs["keras_version"] = np.bytes_("2.2.4")
        for layer in architecture.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = np.array([name.encode() for name in names], dtype="S")
            for name, array in zip(names, next(arrays) if names else (), strict=True):
                group.create_dataset(name, data=np.asarray(array, dtype=np.float32))
    return buffer.getvalue()


def decode_checkpoint(data: bytes, architecture: ResolvedArchitecture, source: str) -> Weights:
    """Return the weights of an HDF5 file that deepchord, Keras 2 or Keras 3 (in the old layout) wrote.

    Args:
        data: The bytes of the file: `save_weights`, or a whole model saved as HDF5.
        architecture: The network that the weights must fit.
        source: The file's name, for errors.

    Raises:
        CheckpointError: Damaged, not HDF5, another layout, or another network (the layer and both shapes are named).
    """
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            stored = tuple(_stored_layers(file, source))
    except (OSError, KeyError, ValueError, RuntimeError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{source} is not a readable HDF5 file, or it is cut short ({error}); copy it again from where it was saved."
        ) from error
    return _fitted(stored, architecture, source)


def _stored_layers(file: h5py.File, source: str) -> Iterator[_StoredLayer]:
    root = file["model_weights"] if "layer_names" not in file.attrs and "model_weights" in file else file
    if "layer_names" not in root.attrs and "layer_names0" not in root.attrs:
        raise CheckpointError(
            f"{source} is HDF5, but not in the layout of Keras 2 `save_weights` (it has no attribute layer_names); "
            "in Keras 3, save it with a name that ends in .hdf5 or .h5 but not in .weights.h5."
        )
    for name in _names(root, "layer_names"):
        group = root[name]
        arrays = tuple(_array(group, path, source) for path in _names(group, "weight_names"))
        if arrays:
            yield _StoredLayer(name=name, arrays=arrays)


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """Return a list of names that Keras splits over `<attribute>0`, `<attribute>1` … when it is long."""
    if attribute in group.attrs:
        parts = [group.attrs[attribute]]
    else:
        chunks = (f"{attribute}{number}" for number in range(len(group.attrs)))
        parts = [group.attrs[chunk] for chunk in chunks if chunk in group.attrs]
    return [name.decode() if isinstance(name, bytes) else str(name) for part in parts for name in part]


def _array(group: h5py.Group, path: str, source: str) -> NDArray[Any]:
    dataset = group[path]
    link = group.get(path, getlink=True)
    if (
        not isinstance(dataset, h5py.Dataset)
        or not isinstance(link, h5py.HardLink)
        or dataset.is_virtual
        or dataset.external
    ):
        raise CheckpointError(f"{source}: {path} is no plain array; deepchord reads no links to other files.")
    if dataset.dtype.kind != "f":
        raise CheckpointError(f"{source}: {path} holds {dataset.dtype}, expected floating-point numbers.")
    return np.asarray(dataset[()])


def _fitted(stored: tuple[_StoredLayer, ...], architecture: ResolvedArchitecture, source: str) -> Weights:
    expected = weighted_layers(architecture)
    for found, layer in zip(stored, expected, strict=False):
        shapes = tuple(array.shape for array in found.arrays)
        wanted = tuple(weight.shape for weight in layer.weights)
        if shapes != wanted:
            raise CheckpointError(
                f"{source} does not fit the network: layer {found.name} has the shapes {_listed(shapes)}, "
                f"expected {_listed(wanted)} for {layer.name}. Give the network that it was trained with "
                "(--architecture file.toml)."
            )
    if len(stored) != len(expected):
        raise CheckpointError(
            f"{source} does not fit the network: it has {len(stored)} layers with weights, expected {len(expected)}. "
            "Give the network that it was trained with (--architecture file.toml)."
        )
    for found in stored:
        if not all(np.isfinite(array).all() for array in found.arrays):
            raise CheckpointError(f"{source}: layer {found.name} holds NaN or infinite weights.")
    return tuple(tuple(array.astype(np.float32, copy=False) for array in found.arrays) for found in stored)


def _listed(shapes: tuple[tuple[int, ...], ...]) -> str:
    return " and ".join("x".join(str(size) for size in shape) for shape in shapes)
