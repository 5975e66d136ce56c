"""Reads weights from files, converts them to fit a network, and notes what was converted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepchord.shared.checkpoints import StoredLayer, Weights, check_fit, weighted_layers
from deepchord.shared.errors import CheckpointError, InputError
from deepchord.shared.network import Conv2D, ResolvedArchitecture, Shape
from deepchord.shared.saved_models.arrays import found_layers, writer
from deepchord.shared.saved_models.comparison import difference
from deepchord.shared.saved_models.containers import Container, opened_model
from deepchord.shared.saved_models.conversion import (
    Conversion,
    check_theano,
    converted_weights,
    depends_on_order,
    stored_outputs_first,
)
from deepchord.shared.saved_models.description import DescribedNetwork, SavedNetwork, described

#: Weights that a layer of Keras may do without.
_DISPENSABLE = {"bias", "beta", "gamma"}


@dataclass(frozen=True, kw_only=True, eq=False)
class SavedWeights:
    """The weights of a file, and how they were converted."""

    weights: Weights
    #: Clauses, such as `its kernels were mirrored`.
    notes: tuple[str, ...]
    #: Whether the network in the file divided its images by 255; ours does not.
    rescales: bool = False


def read_network(path: Path, images: Shape) -> SavedNetwork | None:
    """Return the network that a file describes; None if the file has weights only.

    Args:
        path: HDF5 or `.keras`, of any Keras.
        images: Height, width and channels of the images.

    Raises:
        CheckpointError: The file is damaged or no model, or deepchord does not compute its network.
    """
    with opened_model(path) as container:
        return described_in(container, images)


def network_of_configuration(configuration: Any, images: Shape, source: str) -> SavedNetwork:
    """Return the network of a configuration of Keras, as `model.to_json()` returns it.

    Raises:
        CheckpointError: It is not valid, or deepchord does not compute its network.
    """
    return described(configuration, images, source)


def read_weights(path: Path, network: ResolvedArchitecture, *, channels_first: bool = False) -> SavedWeights:
    """Return the weights of a file.

    Args:
        path: HDF5 or `.keras`, of any Keras.
        network: The network that they must fit. If the file describes a network, that one must compute the same.
        channels_first: Whether a file without a description is of a network with channels first.

    Raises:
        CheckpointError: The file is damaged, no weight file, or of another network; the message names the layer.
    """
    with opened_model(path) as container:
        found = described_in(container, network.input_shape)
        return weights_in(container, network, found, channels_first=channels_first)


def described_in(container: Container, images: Shape) -> DescribedNetwork | None:
    """Return the network that an open file describes; None if it has weights only."""
    if container.configuration is None:
        return None
    return described(container.configuration, images, container.source, container.keras_version)


def stored_in(
    container: Container, network: ResolvedArchitecture, found: DescribedNetwork | None
) -> tuple[StoredLayer, ...]:
    """Return the arrays of an open file, a layer with weights each; only the kinds of the layers must fit."""
    return found_layers(container, network, found)


def weights_in(
    container: Container,
    network: ResolvedArchitecture,
    found: DescribedNetwork | None,
    *,
    channels_first: bool = False,
) -> SavedWeights:
    """Return the weights of an open file; see `read_weights`.

    Args:
        container: The file.
        network: The network that they must fit.
        found: The network that the file describes, as `described_in` returns it.
        channels_first: Whether a file without a description is of a network with channels first.
    """
    source = container.source
    if found is not None:
        _check_same(found, network, source)
    stored = stored_in(container, network, found)
    present = _present(stored, network, found, source)
    conversion, notes = _conversion(container, stored, network, found, channels_first)
    weights = converted_weights(stored, present, network, conversion, source)
    if found is None:
        return SavedWeights(weights=weights, notes=notes)
    return SavedWeights(weights=weights, notes=(*notes, *found.notes), rescales=found.rescales)


def _check_same(found: DescribedNetwork, network: ResolvedArchitecture, source: str) -> None:
    try:
        differs = difference(found.architecture, network)
    except InputError as error:
        differs = f"it does not fit the data set ({str(error).removesuffix('.')})"
    if differs is not None:
        raise CheckpointError(
            f"{source} holds another network than the one that was given: {differs}. Leave --architecture out: "
            "the file tells its network."
        )


def _present(
    stored: Sequence[StoredLayer], network: ResolvedArchitecture, found: DescribedNetwork | None, source: str
) -> list[tuple[str, ...]]:
    """Return the names of the weights of each layer, in the order of the file."""
    if found is not None:
        return [layer.weights for layer in found.weighted]
    wanted = weighted_layers(network)
    if len(stored) != len(wanted):
        check_fit(tuple(stored), network, source)
    names = [tuple(weight.name for weight in layer.weights) for layer in wanted]
    return [_names_of(has, all_of) for has, all_of in zip(stored, names, strict=True)]


def _names_of(stored: StoredLayer, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of a layer's weights a file without a description has: by their names in it, if it tells them.

    Otherwise only a bias may be missing: of one array of a normalization it is not known which it is.
    """
    own = [path.rpartition("/")[2].partition(":")[0] for path in stored.paths]
    is_told = len(own) == len(stored.arrays) and len(set(own)) == len(own)
    if is_told and set(own) <= set(names) and set(names) - set(own) <= _DISPENSABLE:
        return tuple(own)
    return names[:-1] if names[-1] == "bias" and len(stored.arrays) == len(names) - 1 else names


def _conversion(
    container: Container,
    stored: Sequence[StoredLayer],
    network: ResolvedArchitecture,
    found: DescribedNetwork | None,
    channels_first: bool,
) -> tuple[Conversion, tuple[str, ...]]:
    backend, version = writer(container)
    paths = [path for layer in stored for path in layer.paths]
    is_keras_1 = version.startswith("1.") if version else any(path.removesuffix(":0").endswith("_W") for path in paths)
    # If Keras 1 did not store its backend: only TensorFlow adds a number, such as `:0`, to the names.
    is_theano = backend == "theano" or (backend is None and is_keras_1 and not any(":" in path for path in paths))
    outputs_first = stored_outputs_first(stored, network) if is_keras_1 else False
    if outputs_first is None:
        outputs_first = found.channels_first if found else is_theano
    if is_theano:
        check_theano(network, container.source)
    rows = found.rows_channels_first if found else channels_first or outputs_first
    conversion = Conversion(mirrors=is_theano, transposes=outputs_first, rows=rows)
    return conversion, tuple(_notes(conversion, network, is_sure=found is not None))


def _notes(conversion: Conversion, network: ResolvedArchitecture, *, is_sure: bool) -> list[str]:
    matters = depends_on_order(network)
    notes = []
    if conversion.mirrors and any(isinstance(layer.layer, Conv2D) for layer in network.layers):
        notes.append("was written on Theano: its kernels were mirrored")
    if conversion.transposes:
        notes.append("was written by Keras 1: its kernels were turned from [out, in, height, width]")
    if conversion.rows and matters:
        notes.append("counted channels first: the rows of its dense layer were put in order")
    if conversion.mirrors and matters and not conversion.rows and not is_sure:
        notes.append("does not tell whether it counted channels first: if it did, give --channels-first")
    return notes
