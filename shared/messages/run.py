"""What a run is: its data set, its recipe, its network, and the members that follow from it."""

import math
import re
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, NonNegativeInt, PositiveInt, model_validator

from deepchord.shared.network import Architecture
from deepchord.shared.validation import Message, Sha256, Share, Versioned

MAX_MEMBERS = 100_000


_RUN_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"


RunId = Annotated[str, Field(pattern=_RUN_ID)]


Seed = Annotated[int, Field(ge=0, lt=2**32)]


Precision = Literal["float32", "bfloat16"]


class DatasetInfo(Message):
    """A data set as it lies in storage under its SHA-256, and what a network needs to know of it."""

    #: `fashion`, `digits`, `cifar10`, or the name of the file it came from.
    name: str
    sha256: Sha256
    #: Height, width and channels of an image.
    input_shape: tuple[PositiveInt, PositiveInt, PositiveInt]
    class_names: tuple[str, ...] = Field(min_length=2)
    train_size: PositiveInt
    test_size: PositiveInt

    @property
    def classes(self) -> int:
        """How many classes the labels tell apart."""
        return len(self.class_names)

    @property
    def train_pixels(self) -> int:
        """How many numbers the training images consist of."""
        return self.train_size * math.prod(self.input_shape)


class Recipe(Message):
    """How one member is trained."""

    optimizer: Literal["nadam", "adam", "sgd", "rmsprop"]
    #: With the schedule `one_cycle` the highest.
    learning_rate: Annotated[float, Field(gt=0.0, le=10.0)]
    #: `one_cycle` rises to the learning rate and falls to nothing, step by step (Smith and Topin 2017).
    schedule: Literal["constant", "one_cycle"] = "constant"
    batch_size: Annotated[int, Field(ge=1, le=65536)]
    #: At most this many passes over the member's training split.
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    #: The share of the training images that each member holds out for its own validation.
    validation_fraction: Annotated[float, Field(gt=0.0, lt=1.0)]
    #: Stop when the validation loss has not fallen for so many epochs.
    patience: PositiveInt
    #: `bfloat16` multiplies in bfloat16 where the device gains by it, and in float32 elsewhere; weights stay float32.
    precision: Precision = "float32"
    #: Multiplies the rates of the network's dropout layers.
    dropout_scale: Share = 1.0
    #: The share of the wanted probability that is spread over all classes (Szegedy et al. 2016, section 7).
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    #: Each step takes this, times the learning rate, of every kernel from it (Loshchilov and Hutter 2019).
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    #: Whether training images are mirrored left to right at random.
    flip: bool = False
    #: By how many pixels at most training images are shifted at random, in each direction.
    shift: Annotated[int, Field(ge=0, le=64)] = 0
    #: Side in pixels of the square that is set to zero in each training image, at random and partly beyond its edge.
    cutout: Annotated[int, Field(ge=0, le=64)] = 0


#: What a run can ask of the workers that train its members: an engine, or a kind of device.
Requirement = Literal["tensorflow", "torch", "jax", "plaidml", "gpu", "cpu"]


class RunSpec(Versioned):
    """All that decides a run: with the same RunSpec every host plans and trains the same members."""

    run_id: RunId
    created_at: AwareDatetime
    preset: str
    dataset: DatasetInfo
    architecture: Architecture
    recipe: Recipe
    members: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]
    #: The ensemble is evaluated when at least so many members were trained.
    min_members: PositiveInt
    seed: Seed
    #: How often a member is tried before it becomes a failed record.
    max_attempts: Annotated[int, Field(ge=1, le=100)]
    #: Which workers may train members; None: all.
    require: Requirement | None = None
    #: How often members were added to the run after it was submitted.
    extension: NonNegativeInt = 0

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
    """One member of a run, as its task message carries it; everything else stands in the RunSpec."""

    run_id: RunId
    index: Annotated[int, Field(ge=0, lt=MAX_MEMBERS)]
    seeds: MemberSeeds


def is_run_id(value: object) -> bool:
    """Say whether something can be a run's id."""
    return isinstance(value, str) and re.fullmatch(_RUN_ID, value) is not None
