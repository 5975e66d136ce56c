"""Training from Python: `train` starts a run, and a `Run` is what becomes of it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from deepchord.arrays import arrays_as_dataset, frame_as_dataset
from deepchord.coordinator.runs import prepare
from deepchord.models import initial_options, model_as_file
from deepchord.run import Run, submitted_run
from deepchord.shared.datasets import TEST_SHARE, Dataset
from deepchord.shared.errors import InputError
from deepchord.shared.network import Architecture, Task
from deepchord.shared.settings import load_settings
from deepchord.shared.tables import is_frame

#: What only data sets use that are read, and what to do instead for arrays and data frames.
_OF_DATASETS = {
    "test_share": "give the share as test",
    "split_seed": "leave it out, seed draws what is kept for the test",
    "header": "leave it out",
    "image_size": "leave it out",
    "skip_damaged": "leave it out",
}


class RecipeOptions(TypedDict, total=False):
    """The options of a recipe, by the names that they have in a recipe file; docs/recipes.md describes them."""

    preset: str
    members: int | Literal["auto"]
    at_most: int
    least_fall: float
    min_members: int
    seed: int
    require: str
    name: str
    tags: Mapping[str, str]
    priority: str
    most_workers: int
    epochs: int
    batch_size: int
    optimizer: str
    momentum: float
    nesterov: bool
    global_clipnorm: float
    learning_rate: float
    schedule: str
    warmup_epochs: float
    decay_factor: float
    decay_epochs: int
    plateau_patience: int
    min_learning_rate: float
    weight_decay: float
    class_weights: Literal["balanced"] | Mapping[str | int, float]
    precision: str
    label_smoothing: float
    dropout_scale: float
    patience: int
    validation_fraction: float
    calibration_fraction: float
    splits: str
    stratify: bool
    flip: bool
    shift: int
    cutout: int
    rotation: float
    zoom: float
    brightness: float
    contrast: float
    noise: float
    random_erasing: Sequence[float]
    rand_augment: int
    rand_augment_magnitude: float
    mixup: float
    cutmix: float
    feature_noise: float
    beta_nll: float
    task: Task
    channels_first: bool
    image_size: int | str | tuple[int, int]
    skip_damaged: bool
    test_share: float
    split_seed: int
    header: bool
    architecture: str
    layers: Sequence[Mapping[str, Any]]
    initial_weights: str | os.PathLike[str] | bool
    new_head: bool
    initial_noise: float


def train(
    x: ArrayLike | Any | None = None,
    y: ArrayLike | None = None,
    *,
    target: str | None = None,
    test: tuple[ArrayLike, ArrayLike] | Any | str | os.PathLike[str] | float = TEST_SHARE,
    validation: float | None = None,
    class_names: Sequence[str] | None = None,
    sample_weights: ArrayLike | None = None,
    dataset: str | os.PathLike[str] | None = None,
    recipe: str | os.PathLike[str] | None = None,
    network: Architecture | Any | None = None,
    broker: str | None = None,
    storage: str | None = None,
    engine: str | None = None,
    device: str | None = None,
    workers: int | None = None,
    threads: int | None = None,
    keep_workers: float = 0.0,
    **options: Unpack[RecipeOptions],
) -> Run:
    """Start to train an ensemble; return as soon as its members are in the queue.

    With a broker the workers of a fleet train them. Without one this process starts a broker and workers of its own,
    and stops them when the run or the interpreter ends; no `if __name__ == "__main__"` is needed for that. What a
    process leaves that is killed is stopped by a small one that waits for its end.

    Args:
        x: Images [size, height, width] or [size, height, width, channels]: whole numbers from 0 to 255, which are
            divided by 255, or floats, which are taken as they are. Or rows of a table, which are prepared as
            docs/tables.md says: an array [size, features], or a data frame of pandas or polars. None: `dataset` is
            trained on.
        y: Their classes [size]: whole numbers from 0, or strings. With `task="regression"` the numbers to predict,
            [size] or [size, targets]; with `task="multilabel"` 1 for labels that apply and else 0, [size, labels].
            None: they are a column of the data frame.
        target: The column of a table that is predicted, or several numbers or labels with commas between their columns;
            None: target, label, class or y, or else the last.
        test: Images and classes that only score, and decide nothing; a data frame with the same columns; with `dataset`
            the path of such images or rows; or the share of `x`, or of a data set without test images, that is kept for
            that.
        validation: The share of the training images that each member is validated on: `validation_fraction`.
        class_names: The names of the classes, if `y` holds numbers.
        sample_weights: How much each image of `x` counts in the loss of the training [size]; None: all alike. Nothing
            else is weighted, no validation and no test.
        dataset: `fashion`, `digits`, `cifar10`, or the path of an `.npz`, a table, a folder of images or other files.
        recipe: A recipe file; options override it.
        network: The layers of the members, or a `keras.Model`, whose configuration tells them; None: those of the
            recipe or the preset.
        broker: The URL of the broker; None: `DEEPCHORD_BROKER`, or one of this process's own.
        storage: The URL of the storage; None: `DEEPCHORD_STORAGE`, or the usual folder.
        engine: What trains, for workers that are started here.
        device: What it trains on, for workers that are started here.
        workers: How many workers to start here; None: as many as train fastest, measured.
        threads: Processor threads of each of them.
        keep_workers: How many seconds workers that are started here stay after the run, in memory and idle, so that
            the next run of this program begins at once.
        options: The options of the recipe: `preset`, `members`, `epochs`, `seed` … With a `keras.Model` as `network`,
            `initial_weights=True` lets the members start from its weights.

    Raises:
        InputError: The recipe or an option is not valid.
        DatasetError: The images or classes cannot be used.
        BrokerError: The broker does not answer.
        EngineError: No broker is given, and no engine is installed here.
        StorageError: Storage cannot be written.
    """
    given: dict[str, Any] = dict(options)
    if validation is not None:
        given["validation_fraction"] = validation
    if isinstance(network, Architecture):
        given["layers"] = network.layers
    if dataset is not None:
        given["dataset"] = os.fspath(dataset)
    data = None
    if y is None:
        _refuse_of_arrays(sample_weights, class_names)
    if x is None and y is None:
        given["target"] = target
        _set_test(given, test)
    elif dataset is not None or x is None or (y is None and not is_frame(x)):
        raise InputError("Give either x and y, images or rows and their classes, or a data frame, or dataset.")
    elif y is None:
        data = frame_as_dataset(x, target, test=_in_memory(test), seed=given.get("seed"), task=given.get("task"))
    elif target is not None:
        raise InputError("Give either y or target, a column of x: both say what is predicted.")
    else:
        data = arrays_as_dataset(
            x,
            y,
            test=_in_memory(test),
            class_names=class_names,
            seed=given.get("seed"),
            channels_first=given.get("channels_first"),
            sample_weights=None if sample_weights is None else np.asarray(sample_weights),
            task=given.get("task"),
        )
    if data is not None:
        _refuse_unused(given, data)
    settings = load_settings(
        broker=broker, storage=storage, engine=engine, device=device, workers=workers, threads=threads
    )
    with model_as_file(None if isinstance(network, Architecture) else network) as file:
        given |= initial_options(given.get("initial_weights"), file)
        store, spec = prepare(settings, None if recipe is None else Path(recipe), given, data)
    return submitted_run(settings, store, spec, keep_s=keep_workers)


def _refuse_of_arrays(sample_weights: object, class_names: object) -> None:
    """Raise `InputError` if something was given that is of arrays alone."""
    if sample_weights is not None:
        raise InputError("sample_weights are for x and y; an .npz holds its own, as sample_weights_train.")
    if class_names is not None:
        raise InputError("class_names are for x and y; a data set or data frame brings the names of its classes.")


def _set_test(given: dict[str, Any], test: object) -> None:
    """Set the path of the test, or the share to draw unless it is the usual one; raise `InputError` otherwise."""
    if isinstance(test, str | os.PathLike):
        given["test"] = os.fspath(test)
        return
    if not isinstance(test, float):
        raise InputError(
            "Images or rows as test are for x; the test of a data set is the path of some, or the share to draw."
        )
    if test != TEST_SHARE:
        given.setdefault("test_share", test)


def _in_memory(test: Any) -> Any:
    """Return what is given as test beside `x`; raise `InputError` if it is a path."""
    if isinstance(test, str | os.PathLike):
        raise InputError("A path as test is for a dataset, and x is in memory: give images or rows, or the share.")
    return test


def _refuse_unused(given: Mapping[str, Any], data: Dataset) -> None:
    """Raise `InputError` if an option was given that what is in memory does not use."""
    unused = next((name for name in _OF_DATASETS if given.get(name) is not None), None)
    if unused is not None:
        instead = _OF_DATASETS[unused]
        raise InputError(f"{unused} is for a dataset, and x is in memory: {instead}.")
    if data.table is not None and given.get("channels_first") is not None:
        raise InputError("channels_first is for images, and x holds rows of a table: leave it out.")
