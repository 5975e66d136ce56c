"""Finds the arrays of each layer in a saved model, in the layout of Keras 1 and 2 or in that of Keras 3."""

import re
from collections.abc import Iterator

import h5py

from deepchord.shared.checkpoints import StoredLayer, stored_layers, weighted_layers, weights_root
from deepchord.shared.errors import CheckpointError
from deepchord.shared.files import has_object, plain_array, read_text
from deepchord.shared.network import MAX_LAYERS, ResolvedArchitecture
from deepchord.shared.saved_models.containers import Container
from deepchord.shared.saved_models.description import DescribedNetwork
from deepchord.shared.saved_models.nesting import counted_names
from deepchord.shared.saved_models.options import Options

#: The groups that contain the layers, in Keras 3 and in Keras 2.13; on Windows both wrote backslashes.
_FOLDERS = ("layers", "_layer_checkpoint_dependencies")
_MOST_ARRAYS = 16
#: More groups than any model has that is read.
_MOST_GROUPS = 8 * MAX_LAYERS


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
        options = {layer.name: layer for layer in described.listed}
        names = [layer.name for layer in described.weighted]
        by_name |= {
            name: _within(by_name[options[name].models[0]], options[name])
            for name in names
            if options[name].models and options[name].models[0] in by_name
        }
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


def _within(model: StoredLayer, layer: Options) -> StoredLayer:
    """Return the arrays of a layer in a model within the model, of which the older layouts make one list.

    They are named by their layers: `conv1/kernel:0`, or `mobilenet/conv1/kernel`.
    """
    owners = [path.rpartition("/")[0] for path in model.paths]
    own = [place for place, owner in enumerate(owners) if owner == layer.own_name]
    own = own or [place for place, owner in enumerate(owners) if owner.endswith(f"/{layer.own_name}")]
    return StoredLayer(
        name=layer.name,
        paths=tuple(model.paths[place] for place in own),
        arrays=tuple(model.arrays[place] for place in own),
    )


def _keras_3_layers(container: Container) -> Iterator[tuple[str, StoredLayer]]:
    """Yield the name that Keras 3 gives a layer, such as `conv2d_1`, and its arrays; only for layers with arrays.

    That of a layer in a model within the model has the model's name before it: `functional/conv2d_1`.
    """
    file, source = container.file, container.source
    found = 0
    waiting = [("", "")]
    while waiting and found <= _MOST_GROUPS:
        inside, before = waiting.pop()
        for group in _groups_in(file, inside):
            found += 1
            called = before + re.split(r"[\\/]", group)[-1]
            waiting.append((f"{group}/", f"{called}/"))
            arrays = _arrays_of(file, f"{group}/vars", _is_normalization(called), source)
            if arrays:
                yield called, StoredLayer(name=called, paths=(f"{group}/vars",), arrays=arrays)
    if not found:
        what = "no attribute nb_layers, layer_names or group layers"
        if "nb_layers" in file.attrs:
            what = "it was written by Keras 0, before 2016: load it there or in Keras 1, and save it anew"
        raise CheckpointError(f"{source} is HDF5, but not in a layout of Keras 1, 2 or 3 ({what}).")


def _arrays_of(file: h5py.File, group: str, is_normalization: bool, source: str) -> tuple[h5py.Dataset, ...]:
    # The third array of a Normalization counts the values that it has seen.
    most = 2 if is_normalization else _MOST_ARRAYS
    arrays: list[h5py.Dataset] = []
    while len(arrays) < most and has_object(file, f"{group}/{len(arrays)}"):
        arrays.append(plain_array(file, f"{group}/{len(arrays)}", source))
    return tuple(arrays)


def _is_normalization(called: str) -> bool:
    """Return whether it is `normalization`, and not `batch_normalization`."""
    return called.rpartition("/")[2].startswith("normalization")


def _groups_in(file: h5py.File, inside: str) -> Iterator[str]:
    """Yield the paths of the groups of a model's layers, below that of the model; links are not followed."""
    for folder in _FOLDERS:
        yield from (f"{folder}\\{name}" for name in _on_windows(file, folder) if not inside)
        here: h5py.Group | h5py.Dataset | None = file
        for part in f"{inside}{folder}".split("/"):
            links = here.id.links if isinstance(here, h5py.Group) else None
            is_hard = links is not None and links.exists(part.encode()) and _is_hard(links.get_info(part.encode()))
            here = here[part] if is_hard and here is not None else None
        yield from (f"{inside}{folder}/{name}" for name in (here if isinstance(here, h5py.Group) else ()))


def _on_windows(file: h5py.File, folder: str) -> list[str]:
    names = (name.partition("\\") for name in file if name.startswith(f"{folder}\\"))
    return [name for _, _, name in names if "\\" not in name]


def _is_hard(link: h5py.h5l.LinkInfo) -> bool:
    return bool(link.type == h5py.h5l.TYPE_HARD)


def _keras_3_names(network: ResolvedArchitecture, described: DescribedNetwork | None) -> list[str]:
    """Return the names that Keras 3 gives the layers with weights: their class with a number, in Keras's order."""
    if described is None:
        counted = counted_names(layer.layer.type for layer in network.layers)
        with_weights = {layer.name for layer in weighted_layers(network)}
        names = zip(network.layers, counted, strict=True)
        return [name for layer, name in names if layer.name in with_weights]
    by_name = {layer.name: layer.stored_as for layer in described.listed}
    return [by_name[layer.name] for layer in described.weighted]
