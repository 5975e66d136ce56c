"""From what a person asks for to the RunSpec, and from the RunSpec to its members; pure, no I/O but reading files."""

import os
import secrets
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError, model_validator

from shared.architecture import Architecture
from shared.errors import InputError
from shared.layers import Layer
from shared.messages import MAX_MEMBERS, DatasetInfo, MemberSeeds, MemberSpec, Recipe, Requirement, RunSpec, Seed
from shared.networks import notebook_architecture, residual_architecture
from shared.regular_files import read_short_text
from shared.validation import ended, explain, nearest

#: What each preset asks for; everything can be overridden in a recipe file and with options.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    # As the notebook, with the default learning rate of Keras 2.2.4's Nadam said explicitly.
    "notebook": {
        "members": 10,
        "epochs": 25,
        "batch_size": 128,
        "optimizer": "nadam",
        "learning_rate": 0.002,
        "validation_fraction": 0.2,
        "patience": 10,
    },
    # About the notebook's accuracy in a fraction of its time: docs/performance.md says how it was chosen.
    "fast": {
        "members": 8,
        "epochs": 8,
        "batch_size": 128,
        "optimizer": "nadam",
        "learning_rate": 0.003,
        "schedule": "one_cycle",
        "precision": "bfloat16",
        "dropout_scale": 0.6,
        "label_smoothing": 0.1,
        "validation_fraction": 0.1,
        "patience": 8,
    },
    # For accuracy: networks of half a million parameters, ten of them in three hours on two cores with bfloat16.
    "best": {
        "members": 10,
        "epochs": 20,
        "batch_size": 64,
        "optimizer": "nadam",
        "learning_rate": 0.002,
        "schedule": "one_cycle",
        "precision": "bfloat16",
        "label_smoothing": 0.1,
        "flip": True,
        "shift": 2,
        "validation_fraction": 0.05,
        "patience": 20,
    },
    # Three members in a few minutes on two cores.
    "quick": {
        "members": 3,
        "epochs": 3,
        "batch_size": 128,
        "optimizer": "nadam",
        "learning_rate": 0.002,
        "validation_fraction": 0.2,
        "patience": 10,
    },
}


#: The networks of presets that do not train the notebook's.
_ARCHITECTURES: Mapping[str, Callable[[], Architecture]] = {"best": residual_architecture}


def default_architecture(preset: str) -> Architecture:
    """Return the network that a preset trains if no other is asked for."""
    return _ARCHITECTURES.get(preset, notebook_architecture)()


class RunRequest(Recipe):
    """A recipe file with its options applied: what a person asks for, complete and checked."""

    preset: str
    dataset: Annotated[str, Field(min_length=1)] = "fashion"
    #: Whether the images of its file are [size, channels, height, width]; None: what looks so is refused.
    channels_first: bool | None = None
    members: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]
    #: None: half of the members, rounded up.
    min_members: Annotated[int, Field(ge=1)] | None = None
    #: Which workers may train members; None: all.
    require: Requirement | None = None
    #: None: drawn at random, and recorded.
    seed: Seed | None = None
    #: A TOML or JSON file with `layers`; None, and no `layers` either: the network of the preset.
    architecture: str | None = None
    layers: tuple[Annotated[Layer, Field(discriminator="type")], ...] | None = None

    @model_validator(mode="after")
    def _check(self) -> "RunRequest":
        if self.architecture is not None and self.layers is not None:
            raise ValueError("give either architecture (a file) or layers, not both")
        if self.min_members is not None and self.min_members > self.members:
            raise ValueError(f"min_members is {self.min_members}, more than the {self.members} members of the run")
        return self

    def recipe(self) -> Recipe:
        """Return how each member is to be trained."""
        return Recipe.model_validate({name: getattr(self, name) for name in Recipe.model_fields})


def plan_request(recipe_file: Path | None, options: Mapping[str, Any]) -> RunRequest:
    """Return the complete request: options before the recipe file before the preset.

    Args:
        recipe_file: A TOML file, or None.
        options: Options of the command line by their names in a recipe file; None values count as not given.

    Raises:
        InputError: No such file, no TOML, or a name or value that is not valid.
    """
    given = {name: value for name, value in options.items() if value is not None}
    written = _read_recipe(recipe_file) if recipe_file else {}
    preset = given.get("preset", written.get("preset", "quick"))
    if not isinstance(preset, str) or preset not in PRESETS:
        raise InputError(f"There is no preset {preset!r}{ended(nearest(str(preset), PRESETS))}")
    if "architecture" in given:
        written.pop("layers", None)
    try:
        if "layers" in written:
            written["layers"] = Architecture.model_validate({"layers": written["layers"]}).layers
        request = RunRequest.model_validate({**PRESETS[preset], **written, **given, "preset": preset})
    except ValidationError as error:
        source = f"Recipe {recipe_file}" if recipe_file and not _is_about(given, error) else "The options given"
        raise InputError(f"{source}: {ended(explain(error))}") from error
    return request


def plan_architecture(request: RunRequest, input_shape: tuple[int, ...], classes: int) -> Architecture:
    """Return the network that was asked for; the preset's if none was.

    Args:
        request: What was asked for.
        input_shape: Height, width and channels of an image.
        classes: How many classes the data set has.

    Raises:
        InputError: The network is not valid, or it or the augmentation does not fit the images and classes.
    """
    if request.layers is not None:
        architecture = Architecture(layers=request.layers)
    elif request.architecture is not None:
        architecture = Architecture.load(Path(request.architecture))
    else:
        architecture = default_architecture(request.preset)
    architecture.resolve(input_shape=input_shape, classes=classes)
    if request.shift + request.cutout >= min(input_shape[:2]):
        raise InputError(
            f"shift = {request.shift} and cutout = {request.cutout} could leave nothing to be seen of images of "
            f"{input_shape[0]}x{input_shape[1]} pixels; their sum must be less than the shorter side."
        )
    return architecture


def plan_run(
    request: RunRequest,
    architecture: Architecture,
    dataset: DatasetInfo,
    *,
    max_attempts: int,
    now: datetime | None = None,
) -> RunSpec:
    """Return the RunSpec of a new run: a new id, and a seed if none was given."""
    now = now or datetime.now(UTC)
    return RunSpec(
        run_id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        created_at=now,
        preset=request.preset,
        dataset=dataset,
        architecture=architecture,
        recipe=request.recipe(),
        members=request.members,
        min_members=request.min_members or -(-request.members // 2),
        seed=secrets.randbelow(2**32) if request.seed is None else request.seed,
        max_attempts=max_attempts,
        require=request.require,
    )


def plan_member(run_id: str, run_seed: int, index: int) -> MemberSpec:
    """Return one member: four independent streams spawned from the run's seed and the member's index.

    So the members of a smaller ensemble with the same seed are the first ones of a larger.
    """
    state = np.random.SeedSequence(run_seed, spawn_key=(index,)).generate_state(4)
    names = ("split", "initialization", "shuffling", "dropout")
    seeds = MemberSeeds.model_validate({name: int(word) for name, word in zip(names, state, strict=True)})
    return MemberSpec(run_id=run_id, index=index, seeds=seeds)


def _is_about(given: Mapping[str, Any], error: ValidationError) -> bool:
    place = error.errors(include_url=False)[0]["loc"]
    return bool(place) and place[0] in given


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        recipe = tomllib.loads(read_short_text(path))
    except OSError as error:
        raise InputError(f"Recipe {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # also binary data, and numbers that Python does not read
        raise InputError(f"Recipe {path} is not valid TOML: {error}.") from error
    # Files that a recipe names are looked for beside it.
    for name in ("architecture", "dataset"):
        value = recipe.get(name)
        if isinstance(value, str) and os.path.isfile(path.parent / value):  # noqa: PTH113  false for any odd name
            recipe[name] = str(path.parent / value)
    return recipe
