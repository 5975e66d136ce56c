"""Finds the arrays of each layer in a saved model, in the layout of Keras 1 and 2 or in that of Keras 3."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

import h5py

from deepchord.shared.checkpoints import StoredLayer, stored_layers, weighted_layers, weights_root
from deepchord.shared.errors import CheckpointError
from deepchord.shared.files import has_object, plain_array, read_text
from deepchord.shared.network import ResolvedArchitecture
from deepchord.shared.saved_models.containers import Container
from deepchord.shared.saved_models.description import DescribedNetwork

#: The groups that contain the layers, in Keras 3 and in Keras 2.13; on Windows both wrote backslashes.
_FOLDERS = ("layers", "_layer_checkpoint_dependencies")
_MOST_ARRAYS = 16


def found_layers(
    container: Container, network: ResolvedArchitecture, described: DescribedNetwork | None
) -> tuple[StoredLayer, ...]:
    """Return the arrays of the layers that have weights, in the order of the network.

    Raises:
        CheckpointError: The file has neither layout, or no arrays for a layer.
    """
    source, root = container.source, weights_root(container.file, container.source)
    if root is not None:
        layers = tuple(stored_layers(root, source))
        if described is None:
            return tuple(layer for layer in layers if layer.arrays)
        by_name = {layer.name: layer for layer in layers}
        names = [layer.name for layer in described.weighted]
    else:
        by_name = dict(_keras_3_layers(container))
        names = _keras_3_names(network, described)
        if described is None and set(by_name) != set(names):
            odd = sorted(set(by_name) ^ set(names))[0]
            has = "has" if odd in by_name else "lacks"
            raise CheckpointError(
                f"{source} does not fit the network: it {has} weights of a layer {odd!r}. "
                "Give the network that it was trained with (--architecture file.toml)."
            )
    missing = next((name for name in names if name not in by_name), None)
    if missing is not None:
        raise CheckpointError(f"{source} is damaged: it has no weights of the layer {missing!r} that it describes.")
    return tuple(by_name[name] for name in names)


def writer(container: Container) -> tuple[str | None, str | None]:
    """Return the backend and the version of the Keras that wrote the weights; None for what the file does not say."""
    root = weights_root(container.file, container.source)
    groups = [group for group in (root, container.file) if group is not None]
    values_found: list[str | None] = []
    for attribute in ("backend", "keras_version"):
        values = (read_text(group, attribute, 256, container.source) for group in groups)
        values_found.append(next((value for value in values if value is not None), None))
    backend, version = values_found
    return backend, version


def _keras_3_layers(container: Container) -> Iterator[tuple[str, StoredLayer]]:
    """Yield the name that Keras 3 gives a layer, such as `conv2d_1`, and its arrays; only for layers with arrays."""
    file, source = container.file, container.source
    found = 0
    for folder in _FOLDERS:
        for name in _groups_in(file, folder):
            found += 1
            path = f"{name}/vars" if "\\" in name else f"{folder}/{name}/vars"
            arrays: list[h5py.Dataset] = []
            while len(arrays) < _MOST_ARRAYS and has_object(file, f"{path}/{len(arrays)}"):
                arrays.append(plain_array(file, f"{path}/{len(arrays)}", source))
            if arrays:
                called = name.rpartition("\\")[2]
                yield called, StoredLayer(name=called, paths=(path,), arrays=tuple(arrays))
    if not found:
        what = "no attribute nb_layers, layer_names or group layers"
        if "nb_layers" in file.attrs:
            what = "it was written by Keras 0, before 2016: load it there or in Keras 1, and save it anew"
        raise CheckpointError(f"{source} is HDF5, but not in a layout of Keras 1, 2 or 3 ({what}).")


def _groups_in(file: h5py.File, folder: str) -> list[str]:
    on_windows = [name for name in file if name.startswith(f"{folder}\\") and name.count("\\") == 1]
    if file.id.links.exists(folder.encode()) and file.id.links.get_info(folder.encode()).type == h5py.h5l.TYPE_HARD:
        inside = file[folder]
        return [*(inside if isinstance(inside, h5py.Group) else ()), *on_windows]
    return on_windows


def _keras_3_names(network: ResolvedArchitecture, described: DescribedNetwork | None) -> list[str]:
    """Return the names that Keras 3 gives the layers with weights: their class with a number, in Keras's order."""
    if described is None:
        counted = _counted(layer.layer.type for layer in network.layers)
        with_weights = {layer.name for layer in weighted_layers(network)}
        names = zip(network.layers, counted, strict=True)
        return [name for layer, name in names if layer.name in with_weights]
    counted = _counted(_snake_case(layer.kind) for layer in described.listed)
    by_name: Mapping[str, str] = dict(zip((layer.name for layer in described.listed), counted, strict=True))
    return [by_name[layer.name] for layer in described.weighted]


def _counted(kinds: Iterator[str]) -> list[str]:
    """Return `dense`, `dense_1`, `dense_2` …; each kind is counted separately."""
    counts: Counter[str] = Counter()
    names = []
    for kind in kinds:
        names.append(f"{kind}_{counts[kind]}" if counts[kind] else kind)
        counts[kind] += 1
    return names


def _snake_case(kind: str) -> str:
    parted = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", parted).lower()
