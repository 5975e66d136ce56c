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
from deepchord.shared.network import Architecture, Dense, Outputs, Shape, default_architecture
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


def network_to_train(path: Path, images: Shape, classes: int = 0, targets: int = 0) -> Architecture:
    """Return the network that a file describes, with the outputs that the classes or numbers need; see `load_network`.

    What differs from the network in the file is logged.
    """
    found, name = load_network(path, images), printable_path(path)
    notes = [*found.notes, *(f"has a layer {kind}, which was left out: the recipe augments" for kind in found.left_out)]
    *before, last = found.architecture.layers
    if isinstance(last, Dense) and targets and (last.units, last.activation) != ("outputs", "linear"):
        outputs = Outputs(targets=targets).size
        notes.append(f"has a last layer of its own: it was given {outputs} linear outputs, two for each number")
        last = last.model_copy(update={"units": "outputs", "activation": "linear"})
    elif isinstance(last, Dense) and not targets and last.units not in ("classes", "outputs", classes):
        notes.append(f"has {last.units} outputs: its last layer was given {classes}, one for each class")
        last = last.model_copy(update={"units": "classes"})
    for note in notes:
        logger.warning("The network in %s %s.", name, note, extra={"action": "network_changed"})
    return Architecture(layers=(*before, last)) if notes else found.architecture


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
