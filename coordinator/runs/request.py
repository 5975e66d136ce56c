"""What a person asks for: a preset, a recipe file and options, put together and checked."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from deepchord.coordinator.runs.presets import PRESETS
from deepchord.shared.errors import InputError
from deepchord.shared.files import read_short_text
from deepchord.shared.messages import (
    MAX_MEMBERS,
    Recipe,
    Requirement,
    Seed,
)
from deepchord.shared.network import Architecture, Layer
from deepchord.shared.validation import explain, suggestion, with_full_stop


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
        raise InputError(f"There is no preset {preset!r}{with_full_stop(suggestion(str(preset), PRESETS))}")
    if "architecture" in given:
        written.pop("layers", None)
    try:
        if "layers" in written:
            written["layers"] = Architecture.model_validate({"layers": written["layers"]}).layers
        request = RunRequest.model_validate({**PRESETS[preset], **written, **given, "preset": preset})
    except ValidationError as error:
        source = f"Recipe {recipe_file}" if recipe_file and not _is_about(given, error) else "The options given"
        raise InputError(f"{source}: {with_full_stop(explain(error))}") from error
    return request


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
