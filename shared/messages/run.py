"""What a run is: its data set, network and recipe, and the specs of its members."""

import math
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AwareDatetime,
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from deepchord.shared.messages.data_source import DatasetFinding, ImageFiles, StratifiedSplit
from deepchord.shared.messages.recipe import Recipe
from deepchord.shared.messages.table import TablePreprocessing
from deepchord.shared.network import Architecture, Outputs, ResolvedArchitecture
from deepchord.shared.validation import ExtendedMessage, Message, Sha256, Share, Versioned

MAX_MEMBERS = 100_000
MIN_CLASSES = 2
_RUN_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"

RunId = Annotated[str, Field(pattern=_RUN_ID)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


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
        *("targets", "label_names", "has_sample_weights", "files", "split", "findings", "table", "in_shards"),
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
        if not self.targets and not self.label_names and len(self.class_names) < MIN_CLASSES:
            raise ValueError(f"class_names holds {len(self.class_names)} names; at least {MIN_CLASSES} are needed")
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


#: What a run can require of its workers: an engine, or a kind of device.
Requirement = Literal["tensorflow", "torch", "jax", "plaidml", "gpu", "cpu"]


class AutoMembers(Message):
    """Members are added until one more would hardly lower the loss on held-out images."""

    at_most: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]
    #: The run has enough members if the next one would lower the loss by less than this share of it.
    least_fall: Annotated[float, Field(gt=0.0, lt=1.0)]
    #: How many members must be trained, as far as the run has so many; None: half of those it begins with.
    min_members: PositiveInt | None = None


class Distillation(Message):
    """The members learn from the probabilities of another run's ensemble, beside the labels (Hinton et al. 2015).

    The target of a training image is `share` softmax(log p / temperature) + (1 - `share`) label, where p are the
    ensemble's calibrated probabilities of the image.
    """

    #: The run, and which of its evaluations is meant: that after so many extensions.
    teacher: RunId
    extension: NonNegativeInt = 0
    #: Above 1 the targets are less certain than the ensemble.
    temperature: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    share: Share = 1.0


class InitialWeights(Message):
    """The weights that members start from instead of random ones; storage keeps them under their SHA-256."""

    sha256: Sha256
    #: The name of the file that they came from.
    source: Annotated[str, Field(max_length=200)]
    #: The names of the layers that each member draws itself, from its own seed.
    drawn: tuple[str, ...] = ()
    #: The standard deviation of the normal noise that each member adds to a kernel that is trained, as a share of the
    #: kernel's own.
    noise: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0


class RunSpec(Versioned):
    """Everything that decides the result of a run: from the same RunSpec every host trains the same members."""

    run_id: RunId
    created_at: AwareDatetime
    preset: str
    dataset: DatasetInfo
    architecture: Architecture
    recipe: Recipe
    members: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]
    #: The ensemble is evaluated if at least this many members were trained.
    min_members: PositiveInt
    seed: Seed
    #: How many attempts a member has before it gets a failed record.
    max_attempts: Annotated[int, Field(ge=1, le=100)]
    #: The workers that may train members; None: all.
    require: Requirement | None = None
    #: How many times the run was extended after its submission: by more members, or when it was resumed after its end.
    extension: NonNegativeInt = 0
    #: When members are added to the run by itself; None: never.
    auto: AutoMembers | None = None
    #: What the members learn from beside the labels; None: nothing.
    distillation: Distillation | None = None
    #: What the members start from; None: random weights.
    initial_weights: InitialWeights | None = None

    @model_serializer(mode="wrap")
    def _leave_out_added_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what earlier versions do not know, so that they can read runs that do without it."""
        written: dict[str, Any] = handler(self)
        if self.initial_weights is None:
            written.pop("initial_weights", None)
        return written

    @model_validator(mode="after")
    def _check_min_members(self) -> "RunSpec":
        if self.min_members > self.members:
            raise ValueError(f"min_members is {self.min_members}, more than the {self.members} members of the run")
        return self


class MemberSeeds(Message):
    """The four independent random streams of a member."""

    split: Seed
    initialization: Seed
    shuffling: Seed
    dropout: Seed


class MemberSpec(Versioned):
    """One member of a run, as its task message carries it; everything else is in the RunSpec."""

    run_id: RunId
    index: Annotated[int, Field(ge=0, lt=MAX_MEMBERS)]
    seeds: MemberSeeds


def is_run_id(value: object) -> bool:
    """Return whether a value can be the id of a run."""
    return isinstance(value, str) and re.fullmatch(_RUN_ID, value) is not None
