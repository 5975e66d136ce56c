"""The request of a person: a preset, a recipe file and options, merged and checked."""

import math
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from deepchord.coordinator.runs.presets import PRESETS, TABULAR, preset_values
from deepchord.shared.datasets import TEST_SHARE, FileOptions, is_named_dataset, kind_of_dataset, parse_size
from deepchord.shared.errors import InputError
from deepchord.shared.files import read_short_text
from deepchord.shared.messages import MAX_MEMBERS, AutoMembers, Recipe, Requirement, RunName, RunTags, Seed, Splits
from deepchord.shared.network import Architecture, Layer, Task
from deepchord.shared.shares import Priority, Share
from deepchord.shared.validation import explain, suggestion, with_full_stop

#: With `members = "auto"`: the largest number of members, and what one more must bring: a share of the loss, or nats.
AT_MOST, _LEAST_FALL = 20, 0.005


class RunRequest(Recipe):
    """A preset with the values of a recipe file and of options applied; complete and checked."""

    preset: str
    #: The default for new runs. `Recipe` has the default `random` for stored recipes of earlier versions, which do not
    #: name their splits: those were random.
    splits: Splits = "rotating"
    dataset: Annotated[str, Field(min_length=1)] = "fashion"
    #: Whether the images are [size, channels, height, width]; None: images that look so are refused.
    channels_first: bool | None = None
    #: Height and width to which image files are scaled; None: they must be of one size.
    image_size: tuple[int, int] | None = None
    #: Whether damaged image files are left out.
    skip_damaged: bool = False
    #: The share of the images that only score where the data set has no test images, and the seed that draws them. It
    #: is not the run's, so that runs with other seeds have the same test images.
    test_share: Annotated[float, Field(gt=0.0, lt=1.0)] = TEST_SHARE
    split_seed: Seed = 0
    #: The path of the images or rows that only score, if they have one of their own.
    test: Annotated[str, Field(min_length=1)] | None = None
    #: Whether the first line of a CSV file names its columns; None: what it looks like.
    header: bool | None = None
    #: The column of a table that is predicted, or several with commas between them; None: one with a usual name, or
    #: else the last.
    target: str | None = None
    #: What is predicted; None: what the data set tells, or its values look like.
    task: Task | None = None
    #: `auto`: members are added until one more would hardly lower the loss.
    members: Annotated[int, Field(ge=1, le=MAX_MEMBERS)] | Literal["auto"]
    #: With `auto`: the largest number of members, and the share of the loss that a member must bring, of predicted
    #: numbers the nats.
    at_most: Annotated[int, Field(ge=1, le=MAX_MEMBERS)] | None = None
    least_fall: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    #: How many members must be trained; None: half of them, rounded up.
    min_members: Annotated[int, Field(ge=1)] | None = None
    #: Which workers may train members; None: all.
    require: Requirement | None = None
    #: How the run counts beside others on the same workers, and how many of its members are trained at once at most.
    priority: Priority = "normal"
    most_workers: Annotated[int, Field(ge=1, le=MAX_MEMBERS)] | None = None
    #: None: a random seed, which is recorded.
    seed: Seed | None = None
    #: What the run is called beside its id, and words to find it by; they decide nothing.
    name: RunName | None = None
    tags: RunTags = Field(default_factory=dict)
    #: A TOML or JSON file with `layers`. If this and `layers` are None, the network of the preset is used.
    architecture: str | None = None
    layers: tuple[Annotated[Layer, Field(discriminator="type")], ...] | None = None
    #: A file with the weights that the members start from; None: random ones. If neither `architecture` nor `layers` is
    #: given, and the file tells its network, that is trained.
    initial_weights: str | None = None
    #: Whether each member draws the weights of the head, although those of the file would fit.
    new_head: bool = False
    #: The standard deviation of the noise that each member adds to a kernel, as a share of the kernel's own.
    initial_noise: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0

    @field_validator("image_size", mode="before")
    @classmethod
    def _parse_size(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            value = "x".join(map(str, value))
        if value is None or isinstance(value, bool) or not isinstance(value, int | str):
            return value
        try:
            return parse_size(str(value))
        except InputError as error:
            raise ValueError(str(error)) from error

    @field_validator("architecture", "initial_weights", "test")
    @classmethod
    def _check_path(cls, value: str | None) -> str | None:
        if value is not None and "\0" in value:
            raise ValueError("no file has a zero byte in its name")
        return value

    @model_validator(mode="after")
    def _check(self) -> "RunRequest":
        if self.architecture is not None and self.layers is not None:
            raise ValueError("give either architecture (a file) or layers, not both")
        if self.test is not None and {"test_share", "split_seed"} & self.model_fields_set:
            raise ValueError("test_share and split_seed draw test images, and test gives some: leave one out")
        if self.initial_weights is None and (self.new_head or self.initial_noise):
            raise ValueError("new_head and initial_noise are for initial_weights, a file that members start from")
        if self.members == "auto":
            self._check_auto()
            return self
        if self.at_most is not None or self.least_fall is not None:
            raise ValueError('at_most and least_fall are for members = "auto"')
        if self.min_members is not None and self.min_members > self.members:
            raise ValueError(f"min_members is {self.min_members}, more than the {self.members} members of the run")
        return self

    def _check_auto(self) -> None:
        """Raise `ValueError` if the number of members could not be decided, or never reaches `min_members`."""
        most = self.at_most or AT_MOST
        if self.min_members is not None and self.min_members > most:
            raise ValueError(f"min_members is {self.min_members}, more than the {most} members of at_most")
        needed = 2 * math.ceil(1 / max(self.validation_fraction, 1e-9))  # of the smallest floats 1 / x is infinite
        if self.calibration_fraction == 0 and needed > most:
            raise ValueError(
                f'members = "auto" needs images that two members held out: with validation_fraction = '
                f"{self.validation_fraction:g} that takes {needed} members, and at_most is {most}; give a "
                "calibration_fraction, whose images all members hold out, or a larger at_most"
            )

    def auto(self) -> AutoMembers | None:
        """Return when members are added; None: their number is given."""
        if self.members != "auto":
            return None
        return AutoMembers(
            at_most=self.at_most or AT_MOST,
            least_fall=self.least_fall or _LEAST_FALL,
            min_members=self.min_members,
        )

    def file_options(self, progress: Callable[[int, int], None] | None = None) -> FileOptions:
        """Return how the files of the data set are read.

        Args:
            progress: Is told how many images were read, and how many there are.
        """
        return FileOptions(
            image_size=self.image_size,
            skip_damaged=self.skip_damaged,
            test_share=self.test_share,
            split_seed=self.split_seed,
            test=self.test,
            header=self.header,
            target=self.target,
            task=self.task,
            progress=progress,
        )

    def recipe(self) -> Recipe:
        """Return the recipe of each member."""
        return Recipe.model_validate({name: getattr(self, name) for name in Recipe.model_fields})

    def share(self) -> Share:
        """Return the share of the fleet that the run is to have."""
        return Share(priority=self.priority, most_workers=self.most_workers)

    @property
    def decides_stratify(self) -> bool:
        """Whether `stratify` was given; otherwise it follows from the sizes of the classes."""
        return "stratify" in self.model_fields_set


def plan_request(
    recipe_file: Path | None,
    options: Mapping[str, Any],
    *,
    table_rows: int | None = None,
    task: Task | None = None,
) -> RunRequest:
    """Return the request. Options override the recipe file, and that overrides the preset.

    Args:
        recipe_file: A TOML file, or None.
        options: Options of the command line, by their names in a recipe file; None counts as not given.
        table_rows: How many training rows the data set has, if it is a table: the preset `tabular`, which is the usual
            one of tables, suits its values to them. None: the data set is none, or not read yet.
        task: What the data set wants predicted: presets leave out what is for classes only. None: not known yet.

    Raises:
        InputError: The file cannot be read or is not TOML, or a name or value is not valid.
        DatasetError: The folder of the data set cannot be read.
    """
    given = {name: value for name, value in options.items() if value is not None}
    recipe = _read_recipe(recipe_file) if recipe_file else {}
    preset = given.get("preset", recipe.get("preset"))
    may_be_unread = table_rows is None and preset in (None, TABULAR)
    is_unread = may_be_unread and _names_table(given.get("dataset", recipe.get("dataset")))
    if preset is None:
        preset = TABULAR if is_unread or table_rows is not None else "quick"
    if not isinstance(preset, str) or preset not in PRESETS:
        raise InputError(f"There is no preset {preset!r}{with_full_stop(suggestion(str(preset), PRESETS))}")
    if "stratify" not in recipe and "splits" in recipe:
        # So do recipes that earlier versions wrote: whose recipe names the splits gets them as they were.
        recipe["stratify"] = False
    if "architecture" in given:
        recipe.pop("layers", None)
    try:
        if "layers" in recipe:
            recipe["layers"] = Architecture.model_validate({"layers": recipe["layers"]}).layers
        return RunRequest.model_validate(
            {**preset_values(preset, table_rows, task, is_unread=is_unread), **recipe, **given, "preset": preset}
        )
    except ValidationError as error:
        source = f"Recipe {recipe_file}" if recipe_file and not _is_about(given, error) else "The options given"
        raise InputError(f"{source}: {with_full_stop(explain(error))}") from error


def _names_table(dataset: object) -> bool:
    """Return whether a data set, as it was given, is a table; what is no name and no path is refused later."""
    return isinstance(dataset, str) and kind_of_dataset(dataset) == "table"


def _is_about(given: Mapping[str, Any], error: ValidationError) -> bool:
    """Return whether the first error is about an option that was given."""
    place = error.errors(include_url=False)[0]["loc"]
    return bool(place) and place[0] in given


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        recipe = tomllib.loads(read_short_text(path))
    except OSError as error:
        raise InputError(f"Recipe {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # also for binary data, and numbers with too many digits
        raise InputError(f"Recipe {path} is not valid TOML: {error}.") from error
    # A file that the recipe names may lie beside it.
    for name in ("architecture", "dataset", "test", "initial_weights"):
        value = recipe.get(name)
        may_be_folder = name == "test" or (name == "dataset" and not is_named_dataset(str(value)))
        is_there = os.path.exists if may_be_folder else os.path.isfile
        if isinstance(value, str) and is_there(path.parent / value):  # pathlib's raise for some names
            recipe[name] = str(path.parent / value)
    return recipe
