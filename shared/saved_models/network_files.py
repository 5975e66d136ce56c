"""Reads the network from a file: a list of layers, a recipe, a run, or a model that Keras saved."""

import json
import logging
import tomllib
from pathlib import Path
from typing import Any

from deepchord.shared.command_line import printable_path, user_path
from deepchord.shared.errors import InputError
from deepchord.shared.files import (
    HDF5,
    JSON,
    KERAS,
    MAX_DESCRIPTION_BYTES,
    TEXT,
    describe_kind,
    kind_of,
    read_short_text,
)
from deepchord.shared.messages import RunSpec
from deepchord.shared.network import (
    Architecture,
    Dense,
    Layer,
    Outputs,
    Shape,
    default_architecture,
    head_place,
    outputs_of,
    with_classes,
)
from deepchord.shared.saved_models.description import SavedNetwork
from deepchord.shared.saved_models.reading import network_of_configuration, read_network

#: The preset of a recipe that names none.
_DEFAULT_PRESET = "quick"

logger = logging.getLogger(__name__)


def load_network(path: Path, images: Shape) -> SavedNetwork:
    """Return the network that a file describes.

    Args:
        path: TOML or JSON with `layers`; a recipe, or the `run.json` of a run's results; the text that Keras's
            `model.to_json()` returns; or a model that Keras saved (HDF5 or `.keras`). Texts may also come from a pipe.
        images: Height, width and channels of the images.

    Raises:
        InputError: There is no such file, or it describes no network.
        CheckpointError: A saved model is damaged, or deepchord does not compute its network.
    """
    path = user_path(path)
    source = f"Architecture file {printable_path(path)}"
    try:
        if path.is_dir():
            raise InputError(f"{source} is a folder; give the file in it that tells the network.")
        is_pipe = path.exists() and not path.is_file()
        kind = None if is_pipe else kind_of(path)  # what is read from a pipe cannot be read again
        if kind in (HDF5, KERAS):
            return _network_of_model(path, images, source)
        if kind not in (None, JSON, TEXT):
            raise InputError(f"{source} tells no network: {describe_kind(kind)}.")
        # A run.json tells the columns of its table, too.
        text = read_short_text(path, MAX_DESCRIPTION_BYTES)
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{source} is neither valid TOML nor JSON: {error}.") from error
    data = _parsed(text, path, source)
    if isinstance(data, dict) and "class_name" in data:
        return network_of_configuration(data, images, source)
    return SavedNetwork(architecture=_network_of_data(data, path, source))


def network_to_train(
    path: Path, images: Shape, classes: int = 0, targets: int = 0, labels: int = 0, *, keeps_frozen: bool = False
) -> Architecture:
    """Return the network that a file describes, with the outputs that its task needs; see `load_network`.

    What differs from the network in the file is logged.

    Args:
        path: The file.
        images: Height, width and channels of the images, or the number of features.
        classes: How many classes the data set has; 0: something else is predicted.
        targets: How many numbers are predicted; 0: something else is.
        labels: Of how many labels it is predicted whether they apply; 0: something else is predicted.
        keeps_frozen: Whether layers that a saved model does not train are not trained; they need its weights.
    """
    found, name = load_network(path, images), printable_path(path)
    notes = [*found.notes, *found.left_out]
    if found.frozen and not keeps_frozen:
        notes.append(
            f"does not train {len(found.frozen)} of its layers: all are trained, because without --initial-weights "
            "they start from random ones"
        )
    frozen = found.frozen if keeps_frozen else ()
    layers = [
        layer.model_copy(update={"trainable": False}) if place in frozen else layer
        for place, layer in enumerate(found.architecture.layers)
    ]
    place = head_place(layers)
    if place is not None and (targets or labels):
        notes += _with_outputs(layers, place, Outputs(targets=targets, labels=labels))
    elif place is not None and (outputs := outputs_of(layers[place], classes)) != classes:
        notes.append(f"has {outputs} outputs: its last layer was given {classes}, one for each class")
        layers[place] = with_classes(layers[place], classes).model_copy(update={"trainable": True})
    for note in notes:
        logger.warning("The network in %s %s.", name, note, extra={"action": "network_changed"})
    return Architecture(layers=tuple(layers)) if notes or frozen else found.architecture


def _with_outputs(layers: list[Layer], place: int, outputs: Outputs) -> list[str]:
    """Let a network end in what numbers or labels need; return what was changed, as clauses."""
    head = layers[place]
    activation, what = ("sigmoid", "one for each label") if outputs.labels else ("linear", "two for each number")
    is_fitting = isinstance(head, Dense) and head.units == "outputs" and head.activation == activation
    if not isinstance(head, Dense) or (is_fitting and place == len(layers) - 1):
        return []
    layers[place:] = [head.model_copy(update={"units": "outputs", "activation": activation, "trainable": True})]
    return [f"has a last layer of its own: it was given {outputs.size} {activation} outputs, {what}"]


def _parsed(text: str, path: Path, source: str) -> Any:
    try:
        return json.loads(text) if path.suffix == ".json" or text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source} is neither valid TOML nor JSON: {error}.") from error


def _network_of_data(data: Any, path: Path, source: str) -> Architecture:
    if not isinstance(data, dict) or ("layers" in data and set(data) == {"layers"}):
        return Architecture.parse(data, source, InputError)
    if "run_id" in data:
        return RunSpec.parse(data, source, InputError).architecture
    if "layers" in data:  # a recipe; its other options do not concern the network
        return Architecture.parse({"layers": data["layers"]}, source, InputError)
    if isinstance(data.get("architecture"), str):
        return _network_beside(path, data["architecture"], source)
    if "preset" in data or "dataset" in data:
        return _network_of_preset(str(data.get("preset", _DEFAULT_PRESET)), source)
    return Architecture.parse(data, source, InputError)


def _network_of_preset(preset: str, source: str) -> Architecture:
    try:
        return default_architecture(preset)
    except InputError as error:
        raise InputError(f"{source}: {error}") from error


def _network_beside(path: Path, named: str, source: str) -> Architecture:
    """Return the network of the file that a recipe names; a relative path is tried beside the recipe first."""
    beside = path.parent / named
    found = beside if beside.is_file() else user_path(named)
    if found.is_file() and found.samefile(path):
        raise InputError(f"{source} names itself as its architecture.")
    return Architecture.load(found)


def _network_of_model(path: Path, images: Shape, source: str) -> SavedNetwork:
    found = read_network(path, images)
    if found is None:
        raise InputError(
            f"{source} holds weights alone; give a file that tells the network: TOML or JSON with layers, a recipe, a "
            "run.json, or a model that Keras saved whole."
        )
    return found
