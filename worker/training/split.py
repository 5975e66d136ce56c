"""The split of the training images: those that a member learns from, that it is validated on, that no member sees."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import InputError
from deepchord.shared.messages import MemberSpec, RunSpec
from deepchord.worker.training.stratification import stratified_order

#: The first spawn key of the random streams that choose calibration images and folds; a member has the key (index,).
_CALIBRATION_STREAM, _FOLDS_STREAM = 2**32 - 1, 2**32 - 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """The indices of a member's training and validation images; no image is in both."""

    #: int64 [training images].
    training: NDArray[np.int64]
    #: int64 [validation images].
    validation: NDArray[np.int64]


def member_split(run: RunSpec, member: MemberSpec, labels: NDArray[np.integer]) -> Split:
    """Return a member's split of all training images but those for calibration, as the run's recipe says.

    Args:
        run: The run.
        member: The member.
        labels: [training images], class indices; a recipe that does not stratify ignores them.

    Raises:
        InputError: One of the two parts would be empty.
    """
    recipe = run.recipe
    calibration = calibration_images(run, labels)
    images = np.setdiff1d(np.arange(run.dataset.train_size), calibration, assume_unique=True)
    classes = labels[images] if recipe.stratify else None
    if recipe.splits == "random":
        split = random_split(len(images), recipe.validation_fraction, member.seeds.split, classes)
    else:
        split = rotating_split(len(images), recipe.validation_fraction, run.seed, member.index, classes)
    return Split(training=images[split.training], validation=images[split.validation])


def calibration_images(run: RunSpec, labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the sorted indices of the training images that no member trains on, chosen by the run's seed.

    Args:
        run: The run.
        labels: See `member_split`.
    """
    size = run.dataset.train_size
    count = round(size * run.recipe.calibration_fraction)
    generator = np.random.default_rng(np.random.SeedSequence(run.seed, spawn_key=(_CALIBRATION_STREAM, 0)))
    order = _shuffled(size, labels if run.recipe.stratify else None, generator)
    return np.sort(order[:count]).astype(np.int64)


def random_split(size: int, validation_fraction: float, seed: int, classes: NDArray[np.integer] | None = None) -> Split:
    """Return a random split of `size` images, which depends on nothing but the seed and the classes.

    Args:
        size: How many images there are.
        validation_fraction: The share of the validation images, between 0 and 1; rounded up to whole images.
        seed: Decides which they are.
        classes: [size], the classes of the images, each of which is to have its share of them; None: chance decides.

    Raises:
        InputError: One of the two parts would be empty.
    """
    if classes is not None:
        held_out = _held_out(size, validation_fraction)
        order = stratified_order(classes, np.random.default_rng(seed))
        return Split(training=order[held_out:], validation=order[:held_out])
    # Importing it takes a second, and a worker's parent process does not need it.
    from sklearn.model_selection import train_test_split

    try:
        training, validation = train_test_split(np.arange(size), test_size=validation_fraction, random_state=seed)
    except ValueError as error:
        raise _too_few(size, validation_fraction) from error
    return Split(training=training, validation=validation)


def rotating_split(
    size: int,
    validation_fraction: float,
    run_seed: int,
    index: int,
    classes: NDArray[np.integer] | None = None,
) -> Split:
    """Return a split of `size` images whose validation images rotate, so that members together hold out all images.

    The images are shuffled and cut into folds of the validation's size; each member holds out another fold. When all
    folds were held out, the images are shuffled anew. The last fold of a round also takes images from the first one if
    the size is not a multiple of the folds'.

    Args:
        size: How many images there are.
        validation_fraction: The share of a fold, between 0 and 1; rounded up to whole images.
        run_seed: The run's seed decides how the images are shuffled.
        index: The member's index.
        classes: [size], the classes of the images, each of which is to have its share of each fold; None: chance
            decides.

    Raises:
        InputError: One of the two parts would be empty.
    """
    held_out = _held_out(size, validation_fraction)
    shuffle, fold = divmod(index, -(-size // held_out))
    generator = np.random.default_rng(np.random.SeedSequence(run_seed, spawn_key=(_FOLDS_STREAM, shuffle)))
    rotated = np.roll(_shuffled(size, classes, generator), -fold * held_out).astype(np.int64)
    return Split(training=rotated[held_out:], validation=rotated[:held_out])


def _shuffled(size: int, classes: NDArray[np.integer] | None, generator: np.random.Generator) -> NDArray[np.integer]:
    """Return the indices of so many images in a random order, with every class spread evenly if they are given."""
    return generator.permutation(size) if classes is None else stratified_order(classes, generator)


def _held_out(size: int, validation_fraction: float) -> int:
    """Return how many of the images are held out; raise `InputError` if these are none or all."""
    # Rounded first: 0.1 * 70 must not become 7.000000000000001.
    held_out = int(np.ceil(round(size * validation_fraction, 6)))
    if not 0 < held_out < size:
        raise _too_few(size, validation_fraction)
    return held_out


def _too_few(size: int, validation_fraction: float) -> InputError:
    return InputError(
        f"{size} training images cannot be split with validation_fraction = {validation_fraction}: "
        "both parts need at least one image."
    )
