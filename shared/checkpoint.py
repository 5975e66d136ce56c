"""Weights as HDF5, in the layout that Keras 2 `save_weights` writes and that Keras 3 reads as well.

The root has the attribute `layer_names`; each layer is a group with the attribute `weight_names`, which are the
paths of its data sets below that group. Layers are matched by their order, not by their names: Keras numbers its
layers anew in every process.
"""

import io
import itertools
import math
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

#: Keras splits longer lists of names, because an HDF5 object header takes no more than this.
_MOST_NAME_BYTES = 65536

#: What h5py raises over bytes that are not what they should be.
_DAMAGED = (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError, OverflowError, MemoryError)


@dataclass(frozen=True, kw_only=True)
class _StoredLayer:
    """A layer's arrays as they lie in the file; nothing of them is in memory yet."""

    name: str
    arrays: tuple[h5py.Dataset, ...]


def weighted_layers(architecture: ResolvedArchitecture) -> tuple[ResolvedLayer, ...]:
    """Return the layers that have weights, in order."""
    return tuple(layer for layer in architecture.all_layers if layer.weights)


def encode_checkpoint(architecture: ResolvedArchitecture, weights: Weights) -> bytes:
    """Return weights as the bytes of an HDF5 file.

    Args:
        architecture: The network that the weights belong to.
        weights: One tuple of float32 arrays per layer that has weights.
    """
    arrays = {layer.name: own for layer, own in zip(weighted_layers(architecture), weights, strict=True)}
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["layer_names"] = np.array([layer.name.encode() for layer in architecture.all_layers])
        file.attrs["backend"] = np.bytes_("deepchord")
        file.attrs["keras_version"] = np.bytes_("2.2.4")
        for layer in architecture.all_layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = np.array([name.encode() for name in names], dtype="S")
            for name, array in zip(names, arrays.get(layer.name, ()), strict=True):
                group.create_dataset(name, data=np.asarray(array, dtype=np.float32))
    return buffer.getvalue()


def decode_checkpoint(data: bytes, architecture: ResolvedArchitecture, source: str) -> Weights:
    """Return the weights of an HDF5 file that deepchord, Keras 2 or Keras 3 (in the old layout) wrote.

    No other file is opened, whatever this one says, and no array is read before its shape is known to be right.

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
            _check_fit(stored, architecture, source)
            return tuple(_read(layer, source) for layer in stored)
    except _DAMAGED as error:
        raise CheckpointError(
            f"{source} is not a readable HDF5 file, or it is damaged or cut short ({error}); "
            "copy it again from where it was saved."
        ) from error


def _stored_layers(file: h5py.File, source: str) -> Iterator[_StoredLayer]:
    root = file
    if not _has_names(root, "layer_names") and file.id.links.exists(b"model_weights"):
        root = _held(file, "model_weights", h5py.Group, source)
    if not _has_names(root, "layer_names"):
        raise CheckpointError(
            f"{source} is HDF5, but not in the layout of Keras 2 `save_weights` (it has no attribute layer_names); "
            "in Keras 3, write it with model.save('weights.hdf5') instead of save_weights."
        )
    for name in _names(root, "layer_names", source):
        group = _held(root, name, h5py.Group, source)
        paths = _names(group, "weight_names", source)
        if paths:
            yield _StoredLayer(name=name, arrays=tuple(_array(group, path, source) for path in paths))


def _has_names(group: h5py.Group, attribute: str) -> bool:
    return attribute in group.attrs or f"{attribute}0" in group.attrs


def _names(group: h5py.Group, attribute: str, source: str) -> list[str]:
    """Return a list of names that Keras splits over `<attribute>0`, `<attribute>1` … when it is long."""
    if attribute in group.attrs or f"{attribute}0" not in group.attrs:
        parts = [attribute]
    else:
        chunks = (f"{attribute}{number}" for number in range(len(group.attrs)))
        parts = [chunk for chunk in chunks if chunk in group.attrs]
    names = [name for part in parts for name in _strings(group, part, source)]
    if len(set(names)) != len(names):
        raise CheckpointError(f"{source}: the attribute {attribute} of {group.name} names something twice.")
    return names


def _strings(group: h5py.Group, attribute: str, source: str) -> list[str]:
    stored = group.attrs.get_id(attribute)
    if stored.shape is None or 0 in stored.shape:
        return []
    size_bytes = math.prod(stored.shape) * stored.dtype.itemsize
    if len(stored.shape) != 1 or h5py.check_string_dtype(stored.dtype) is None or size_bytes > _MOST_NAME_BYTES:
        raise CheckpointError(f"{source}: the attribute {attribute} of {group.name} is no list of names.")
    return [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs[attribute]]


def _held(group: h5py.Group, path: str, kind: type[Any], source: str) -> Any:
    """Return the object at a path below a group; only what lies in this file itself is ever opened."""
    found = group
    for part in filter(None, path.split("/")):
        if not isinstance(found, h5py.Group) or found.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
            raise CheckpointError(f"{source}: {path} is a link; deepchord reads no links.")
        found = found[part]
    if not isinstance(found, kind):
        raise CheckpointError(f"{source}: {path} is not what it should be, a {kind.__name__.lower()}.")
    return found


def _array(group: h5py.Group, path: str, source: str) -> h5py.Dataset:
    dataset = _held(group, path, h5py.Dataset, source)
    layout = dataset.id.get_create_plist()
    if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count() or layout.get_nfilters():
        raise CheckpointError(f"{source}: {path} is no plain array: it is compressed or lies in another file.")
    if dataset.dtype.kind != "f":
        raise CheckpointError(f"{source}: {path} holds {dataset.dtype}, expected floating-point numbers.")
    return dataset


def _check_fit(stored: tuple[_StoredLayer, ...], architecture: ResolvedArchitecture, source: str) -> None:
    for found, layer in itertools.zip_longest(stored, weighted_layers(architecture)):
        shapes = tuple(array.shape for array in found.arrays) if found else None
        wanted = tuple(weight.shape for weight in layer.weights) if layer else None
        if shapes != wanted:
            what = f"layer {found.name} has the shapes {_listed(shapes)}" if shapes else "its layers end there"
            instead = f"{_listed(wanted)} for {layer.name}" if wanted else "no further layer with weights"
            raise CheckpointError(
                f"{source} does not fit the network: {what}, expected {instead}. "
                "Give the network that it was trained with (--architecture file.toml)."
            )


def _read(layer: _StoredLayer, source: str) -> tuple[NDArray[np.float32], ...]:
    with np.errstate(over="ignore"):
        arrays = tuple(np.asarray(array[()]).astype(np.float32, copy=False) for array in layer.arrays)
    if not all(np.isfinite(array).all() for array in arrays):
        raise CheckpointError(f"{source}: layer {layer.name} holds NaN or infinite weights.")
    return arrays


def _listed(shapes: tuple[tuple[int, ...] | None, ...]) -> str:
    return " and ".join("x".join(str(size) for size in shape or ()) or "of one number" for shape in shapes)
