"""Plans a run from a request, and the members of a run from its seed. Only a network's file is read here."""

import math
import secrets
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from deepchord.coordinator.runs.request import RunRequest
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, MemberSeeds, MemberSpec, Recipe, RunSpec
from deepchord.shared.network import Architecture, default_architecture

#: The number of members that a run with `members = "auto"` begins with if it has calibration images. Every member
#: predicts these images, so this many members suffice to estimate what the next one would bring.
_FIRST_WITH_CALIBRATION_IMAGES = 4


def plan_architecture(request: RunRequest, input_shape: tuple[int, ...], classes: int) -> Architecture:
    """Return the network of a request; without one, that of the preset.

    Args:
        request: The request.
        input_shape: Height, width and channels of an image, or the number of features.
        classes: The number of classes of the data set.

    Raises:
        InputError: The network is not valid, or the network or the augmentation does not fit images and classes.
    """
    if request.layers is not None:
        architecture = Architecture(layers=request.layers)
    elif request.architecture is not None:
        architecture = Architecture.load(Path(request.architecture))
    else:
        architecture = default_architecture(request.preset)
    architecture.resolve(input_shape=input_shape, classes=classes)
    if len(input_shape) == 1:
        if request.flip or request.shift or request.cutout:
            raise InputError("flip, shift and cutout change images, and the data set is a table: leave them out.")
        return architecture
    if request.shift + request.cutout >= min(input_shape[:2]):
        raise InputError(
            f"shift = {request.shift} and cutout = {request.cutout} could leave nothing to be seen of images of "
            f"{input_shape[0]}x{input_shape[1]} pixels; their sum must be less than the shorter side."
        )
    return architecture


def check_parts(recipe: Recipe, train_size: int) -> None:
    """Raise `InputError` if a member would have no image to train on, or none for its validation.

    Args:
        recipe: Which shares of the images are kept for the calibration and for the validation.
        train_size: How many training images the data set has.
    """
    left = train_size - round(train_size * recipe.calibration_fraction)
    held_out = math.ceil(round(left * recipe.validation_fraction, 6))
    if not 0 < held_out < left:
        raise InputError(
            f"Of {train_size} training images, calibration_fraction = {recipe.calibration_fraction:g} and "
            f"validation_fraction = {recipe.validation_fraction:g} leave a member {max(0, left - held_out)} to train "
            f"on and {held_out} for its validation: each needs at least one."
        )


def plan_run(
    request: RunRequest,
    architecture: Architecture,
    dataset: DatasetInfo,
    *,
    max_attempts: int,
    now: datetime | None = None,
) -> RunSpec:
    """Return a new run, with a new id, and with a random seed if the request has none.

    Args:
        request: The request.
        architecture: The network.
        dataset: The published data set.
        max_attempts: How often a member is tried at most.
        now: When the run is created, in UTC; None: now.
    """
    now, recipe, auto = now or datetime.now(UTC), request.recipe(), request.auto()
    members = int(request.members) if auto is None else first_members(recipe, auto.at_most)
    return RunSpec(
        run_id=new_run_id(now),
        created_at=now,
        preset=request.preset,
        dataset=dataset,
        architecture=architecture,
        recipe=recipe,
        members=members,
        min_members=min(members, request.min_members or -(-members // 2)),
        seed=secrets.randbelow(2**32) if request.seed is None else request.seed,
        max_attempts=max_attempts,
        require=request.require,
        auto=auto,
    )


def new_run_id(now: datetime) -> str:
    """Return an id for a run that is created now, in UTC."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def first_members(recipe: Recipe, at_most: int) -> int:
    """Return how many members a run with `members = "auto"` begins with, at most `at_most`.

    With calibration images these are `_FIRST_WITH_CALIBRATION_IMAGES`, otherwise so many that two members hold out each
    image.

    Args:
        recipe: How images are held out.
        at_most: How many members the run may have.
    """
    folds = math.ceil(1 / recipe.validation_fraction)
    wanted = _FIRST_WITH_CALIBRATION_IMAGES if recipe.calibration_fraction > 0 else 2 * folds
    return min(at_most, wanted)


def plan_member(run_id: str, run_seed: int, index: int) -> MemberSpec:
    """Return one member. Its four seeds depend on the run's seed and the member's index only.

    So the first members of a larger ensemble equal those of a smaller one with the same seed.
    """
    state = np.random.SeedSequence(run_seed, spawn_key=(index,)).generate_state(4)
    names = ("split", "initialization", "shuffling", "dropout")
    seeds = MemberSeeds.model_validate({name: int(word) for name, word in zip(names, state, strict=True)})
    return MemberSpec(run_id=run_id, index=index, seeds=seeds)
