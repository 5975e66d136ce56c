"""What a data set is: its description in a run, and its manifest if storage keeps it in shards."""

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, FiniteFloat, NonNegativeInt, PositiveInt, model_validator

from deepchord.shared.messages.data_source import DatasetFinding, ImageFiles, StratifiedSplit
from deepchord.shared.messages.table import TablePreprocessing
from deepchord.shared.network import Architecture, Outputs, ResolvedArchitecture
from deepchord.shared.validation import ExtendedMessage, Message, Sha256

_MIN_CLASSES = 2
#: What the arrays of a data set are called.
ArrayName = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,63}$")]


class PixelValues(Message):
    """The values of a data set's training images, as they were given; uint8 is divided by 255 for the networks."""

    type: Literal["uint8", "float32"]
    lowest: FiniteFloat
    highest: FiniteFloat


class Target(Message):
    """A number that is predicted; networks learn and say (value - mean) / scale."""

    #: The name of its column.
    name: Annotated[str, Field(min_length=1)]
    #: The mean and the standard deviation of the training rows, in the number's own unit.
    mean: FiniteFloat
    scale: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class DatasetInfo(ExtendedMessage):
    """A published data set: its SHA-256, under which storage keeps it, and its shape, values and classes."""

    added_fields: ClassVar = (
        *(
            "targets",
            "label_names",
            "has_sample_weights",
            "files",
            "split",
            "test_name",
            "findings",
            "table",
            "in_shards",
        ),
    )

    #: `fashion`, `digits`, `cifar10`, or the name of the file it came from.
    name: str
    sha256: Sha256
    #: Height, width and channels of an image; of a table the number of features.
    input_shape: tuple[PositiveInt, PositiveInt, PositiveInt] | tuple[PositiveInt]
    #: Empty: something else than classes is predicted.
    class_names: tuple[str, ...] = ()
    #: The numbers that are predicted; empty: something else is.
    targets: tuple[Target, ...] = ()
    #: The labels of which it is predicted whether they apply; empty: something else is predicted.
    label_names: tuple[str, ...] = ()
    train_size: PositiveInt
    test_size: PositiveInt
    #: None: an earlier version did not describe them.
    pixels: PixelValues | None = None
    #: Whether some training images count more than others.
    has_sample_weights: bool = False
    #: None: it was made from arrays.
    files: ImageFiles | None = None
    #: How the test images were drawn; None: they were given.
    split: StratifiedSplit | None = None
    #: The name of the file or folder that the test images came from; None: the data set's own.
    test_name: str | None = None
    #: What was noticed when it was read; an earlier version noticed nothing.
    findings: tuple[DatasetFinding, ...] = ()
    #: How rows of a table become the network's input; None: these are images.
    table: TablePreprocessing | None = None
    #: Whether storage keeps a manifest and shards of it, not one file.
    in_shards: bool = False

    @model_validator(mode="after")
    def _check_task(self) -> "DatasetInfo":
        if bool(self.targets) + bool(self.class_names) + bool(self.label_names) > 1:
            raise ValueError("either class_names, targets or label_names are predicted, not several of them")
        if not self.targets and not self.label_names and len(self.class_names) < _MIN_CLASSES:
            raise ValueError(f"class_names holds {len(self.class_names)} names; at least {_MIN_CLASSES} are needed")
        return self

    @model_validator(mode="after")
    def _check_table(self) -> "DatasetInfo":
        expected = 3 if self.table is None else 1
        if len(self.input_shape) != expected or (self.table and self.input_shape != (self.table.features,)):
            raise ValueError(f"input_shape is {self.input_shape}, and not that of the images or of the table's columns")
        return self

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image; a table has none."""
        assert len(self.input_shape) == 3, "only images have three axes"  # noqa: S101  for the type checker
        return self.input_shape

    @property
    def classes(self) -> int:
        """The number of classes; 0 if something else is predicted."""
        return len(self.class_names)

    @property
    def outputs(self) -> Outputs:
        """What a network gives for an image or row."""
        return Outputs(classes=self.classes, targets=len(self.targets), labels=len(self.label_names))

    def network(self, architecture: Architecture) -> ResolvedArchitecture:
        """Return an architecture as the network for this data set.

        Raises:
            InputError: It does not fit the data set.
        """
        predicted = self.outputs
        return architecture.resolve(
            input_shape=self.input_shape,
            classes=predicted.classes,
            targets=predicted.targets,
            labels=predicted.labels,
        )

    @property
    def train_pixels(self) -> int:
        """The number of values in all training images."""
        return self.train_size * math.prod(self.input_shape)


class ShardedArray(Message):
    """An array in shards: `.npy` files of so many rows each, the last of what is left, in their order."""

    name: ArrayName
    #: As NumPy writes it.
    dtype: Literal["|u1", "<f4", "<f8", "<i8"]
    shape: tuple[NonNegativeInt, ...] = Field(min_length=1, max_length=4)
    rows_per_shard: PositiveInt
    #: The SHA-256 of each shard's bytes, under which storage keeps it.
    shards: tuple[Sha256, ...]

    @model_validator(mode="after")
    def _check_shards(self) -> "ShardedArray":
        expected = -(-self.shape[0] // self.rows_per_shard)
        if len(self.shards) != expected or 0 in self.shape:
            raise ValueError(
                f"{self.name} of shape {self.shape} has {len(self.shards)} shards of {self.rows_per_shard} rows"
            )
        return self

    @property
    def row_bytes(self) -> int:
        """How many bytes the values of a row take."""
        return int(self.dtype[-1]) * math.prod(self.shape[1:])

    @property
    def bytes(self) -> int:
        """How many bytes the values of the array take."""
        return self.shape[0] * self.row_bytes

    def rows(self) -> Iterator[tuple[Sha256, int, int]]:
        """Yield each shard with its first row and the row behind its last."""
        for number, sha256 in enumerate(self.shards):
            first = number * self.rows_per_shard
            yield sha256, first, min(first + self.rows_per_shard, self.shape[0])


class DatasetManifest(ExtendedMessage):
    """A data set in shards. The SHA-256 of the manifest as it lies in storage is that of the data set."""

    added_fields: ClassVar = ("label_names",)

    #: What the manifest's layout is called, for whoever finds the file.
    kind: Literal["deepchord data set in shards, 1"] = "deepchord data set in shards, 1"
    arrays: tuple[ShardedArray, ...] = Field(min_length=1)
    class_names: tuple[str, ...] = ()
    #: The names of the numbers that are predicted; empty: something else is.
    target_names: tuple[str, ...] = ()
    #: The names of the labels of which it is predicted whether they apply; empty: something else is predicted.
    label_names: tuple[str, ...] = ()
    #: The values of the training images, which were looked at when they were published.
    pixels: PixelValues
