"""What a run is: its data set, network and recipe, whose it is, and the specs of its members."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, Field, NonNegativeInt, PositiveInt, model_validator

from deepchord.shared.messages.dataset import DatasetInfo
from deepchord.shared.messages.recipe import Recipe
from deepchord.shared.network import Architecture
from deepchord.shared.shares import Share as FleetShare
from deepchord.shared.validation import ExtendedMessage, Message, Sha256, Share, Versioned, shortened

MAX_MEMBERS = 100_000
_RUN_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"
#: How the ids of runs look that deepchord gives.
_GIVEN_ID = r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}"
_LABEL = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_TAG_VALUE = r"[^\x00-\x1f\x7f-\x9f]{0,200}"
_MAX_TAGS = 50


def _run_name(name: str) -> str:
    """Return what a run may be called beside its id; raise `ValueError` for what means another run."""
    if re.fullmatch(_LABEL, name) is None:
        raise ValueError(f"a run's name has up to 64 of A-Z a-z 0-9 . _ -, found {shortened(name)}")
    if name == "last" or re.fullmatch(_GIVEN_ID, name):
        raise ValueError(f"{name} means the latest run, or a run by its id: give another name")
    return name


def _run_tags(tags: dict[str, str]) -> dict[str, str]:
    """Return the tags of a run; raise `ValueError` for more than can be listed."""
    wrong = [key for key, value in tags.items() if not (re.fullmatch(_LABEL, key) and re.fullmatch(_TAG_VALUE, value))]
    if wrong or len(tags) > _MAX_TAGS:
        raise ValueError(
            f"a run has up to {_MAX_TAGS} tags, key = value, the key of A-Z a-z 0-9 . _ -, the value a line of up to "
            f"200 characters, found {shortened(wrong[0]) if wrong else len(tags)}"
        )
    return tags


RunId = Annotated[str, Field(pattern=_RUN_ID)]
RunName = Annotated[str, AfterValidator(_run_name)]
RunTags = Annotated[dict[str, str], AfterValidator(_run_tags)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


#: What a run can require of its workers: an engine, or a kind of device.
Requirement = Literal["tensorflow", "torch", "jax", "plaidml", "gpu", "cpu"]


class AutoMembers(Message):
    """Members are added until one more would hardly lower the loss on held-out images."""

    at_most: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]
    #: The run has enough members if the next one would lower the loss by less than this share of it; of predicted
    #: numbers, whose loss may be negative, by less than so many nats.
    least_fall: Annotated[float, Field(gt=0.0, lt=1.0)]
    #: How many members must be trained, as far as the run has so many; None: half of those it begins with.
    min_members: PositiveInt | None = None


class Distillation(Message):
    """The members learn what another run's ensemble says, beside the labels (Hinton et al. 2015).

    The target of a training image is `share` softmax(log p / temperature) + (1 - `share`) label, where p are the
    ensemble's calibrated probabilities of the image. Of a number it is the mixture, with the same shares, of the
    ensemble's normal distribution, its scaled variance multiplied by the temperature, and the actual number.
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


class RunLabels(Message):
    """Whose a run is and what people call it; nothing of its result depends on that."""

    #: `user@host`, or the user at the broker; None: an earlier version submitted it, and anybody may change it.
    owner: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    name: RunName | None = None
    tags: RunTags = Field(default_factory=dict)


class RunSpec(ExtendedMessage, Versioned):
    """Everything that decides the result of a run: from the same RunSpec every host trains the same members."""

    added_fields: ClassVar = ("initial_weights", "labels", "share")

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
    labels: RunLabels = RunLabels()
    #: The share of the fleet that the run was submitted with; it may be changed later.
    share: FleetShare = FleetShare()

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
