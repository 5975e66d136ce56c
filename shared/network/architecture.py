"""The network as data: a validated list of layers. It contains no code."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field

from deepchord.shared.command_line import user_path
from deepchord.shared.errors import InputError
from deepchord.shared.files import read_short_text
from deepchord.shared.network.layers import LAYER_TYPES, Layer, Layered, Shape
from deepchord.shared.network.resolution import ResolvedArchitecture, resolve_layers
from deepchord.shared.network.task import Outputs

#: A larger network is a mistake or an attack: 100 million float32 values take 400 MB.
MAX_PARAMETERS = 100_000_000
#: Layers inside of blocks count, too. HDF5 has 64 KiB for the list of names in a checkpoint.
MAX_LAYERS = 512


class Architecture(Layered):
    """A network as data: its layers in order, from the input to the output; a layer may name its inputs."""

    allowed = LAYER_TYPES

    layers: tuple[Annotated[Layer, Field(discriminator="type")], ...] = Field(min_length=1, max_length=MAX_LAYERS)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the architecture that a TOML or JSON file describes.

        Raises:
            InputError: The file cannot be read, is not TOML or JSON, or has a layer that is not valid.
        """
        path = user_path(path)
        try:
            text = read_short_text(path)
            data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except OSError as error:
            raise InputError(f"Architecture file {path} cannot be read: {error.strerror}.") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"Architecture file {path} is neither valid TOML nor JSON: {error}.") from error
        return cls.parse(data, f"Architecture file {path}", InputError)

    def resolve(
        self, *, input_shape: Shape, classes: int = 0, targets: int = 0, labels: int = 0
    ) -> ResolvedArchitecture:
        """Return the architecture with the name, the inputs and the shapes of each layer.

        Args:
            input_shape: Height, width and channels of an image, or the number of a table's features.
            classes: The number of classes of the data set; 0: something else is predicted.
            targets: How many numbers are predicted; 0: something else is.
            labels: Of how many labels it is predicted whether they apply; 0: something else is predicted.

        Raises:
            InputError: The layers do not fit each other, the input or what is predicted.
        """
        outputs = Outputs(classes=classes, targets=targets, labels=labels)
        layers = resolve_layers(self.layers, input_shape, outputs)
        network = ResolvedArchitecture(input_shape=input_shape, layers=layers, outputs=outputs)
        if len(layers) > MAX_LAYERS:
            raise InputError(f"The network has {len(layers)} layers; at most {MAX_LAYERS}.")
        last = layers[-1]
        outputs.check_last(last.name, last.output_shape, getattr(last.layer, "activation", None))
        if network.parameters > MAX_PARAMETERS:
            raise InputError(f"The network has {network.parameters:,} parameters; at most {MAX_PARAMETERS:,}.")
        return network
