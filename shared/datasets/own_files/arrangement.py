"""Images as the parts of a data set: training and test, drawn where nothing says which."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.checks import checked_labels, checked_sample_weights
from deepchord.shared.datasets.examination.fingerprints import fingerprints
from deepchord.shared.datasets.image_files import ReadImages
from deepchord.shared.datasets.labels import check_classes
from deepchord.shared.datasets.multilabel import LABEL_NAMES, checked_flags
from deepchord.shared.datasets.own_files.options import FileOptions
from deepchord.shared.datasets.own_files.splitting import split_with_copies
from deepchord.shared.datasets.targets import TARGET_NAMES, checked_numbers
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import rows_of
from deepchord.shared.messages import DatasetFinding, StratifiedSplit

Arrays = Mapping[str, NDArray[Any]]
Findings = tuple[DatasetFinding, ...]


def with_some_test(arrays: Arrays) -> Arrays:
    """Return arrays, or outlines of them, in which those for training stand for those of a test that are missing."""
    return (
        arrays
        if {"x_test", "y_test"} & set(arrays)
        else {**arrays, "x_test": arrays["x_train"], "y_test": arrays["y_train"]}
    )


def check_are_classes(arrays: Arrays, source: str, *, labels_are_classes: bool) -> None:
    """Raise `DatasetError` if labels look like numbers to predict, and nothing tells what they are.

    Args:
        arrays: `y_train` and perhaps `class_names`, `target_names` or `label_names`.
        source: Where they came from, for errors.
        labels_are_classes: Whether the networks show that they are.
    """
    if TARGET_NAMES in arrays or LABEL_NAMES in arrays:
        return
    given = arrays["y_train"]
    train, _ = checked_labels(given, len(given), f"{source}: y_train")
    one_hot = given.size != len(given)
    if not (labels_are_classes or one_hot or "class_names" in arrays):
        check_classes(train, f"{source}: y_train")


def with_test_images(arrays: Arrays, source: str, options: FileOptions) -> tuple[Arrays, StratifiedSplit | None]:
    """Return arrays with test images, which are drawn from those for training if there are none.

    Args:
        arrays: `x_train`, `y_train` and others.
        source: Where they came from, for errors.
        options: How many are drawn, and the seed.

    Returns:
        The arrays, and how the test images were drawn; None: they were given.

    Raises:
        DatasetError: The labels cannot be used, or there are too few images.
    """
    if "x_test" in arrays:
        return arrays, None
    images, labels = arrays["x_train"], arrays["y_train"]
    if TARGET_NAMES in arrays:
        codes = np.zeros(len(checked_numbers(labels, len(images), f"{source}: y_train")), dtype=np.int64)
    elif LABEL_NAMES in arrays:
        codes = np.zeros(len(checked_flags(labels, len(images), f"{source}: y_train")), dtype=np.int64)
    else:
        codes, _ = checked_labels(labels, len(images), f"{source}: y_train")
    kept, split = drawn_test(images, codes, source, options)
    parts = {
        "x_train": rows_of(images, ~kept, source),
        "y_train": labels[~kept],
        "x_test": rows_of(images, kept, source),
        "y_test": labels[kept],
    }
    if "sample_weights_train" in arrays:
        weights = arrays["sample_weights_train"]
        parts["sample_weights_train"] = checked_sample_weights(weights, len(images), f"{source}: sample_weights_train")[
            ~kept
        ]
    return dict(arrays) | parts, split


def in_parts(read: ReadImages, source: str) -> tuple[Arrays, Findings]:
    """Return images that were read from files as arrays; those of a test only if some are said to be for it.

    Validation images are test images if there are no others; otherwise they are training images, of which each member
    holds out some of its own.

    Raises:
        DatasetError: There are no training images, or the test has none that can be used.
    """
    parts = np.array([part or "" for part in read.parts])
    arrays: dict[str, NDArray[Any]] = {"x_train": read.pixels, "y_train": read.labels}
    arrays["class_names"] = np.array(read.class_names)
    if not ((parts == "test") | (parts == "validation")).any():
        return arrays, read.findings
    findings = list(read.findings)
    kept = parts == ("test" if (parts == "test").any() else "validation")
    if (count := int((parts == "validation").sum())) and not kept[parts == "validation"].any():
        text = f"{count:,} validation images are training images, too: each member holds out some of its own."
        findings.append(DatasetFinding(kind="validation_joined", level="note", text=text))
    elif count:
        text = f"There are no images called test: the {count:,} for validation are the test images."
        findings.append(DatasetFinding(kind="validation_as_test", level="note", text=text))
    if kept.all():
        raise DatasetError(f"{source} holds no training images that can be used.")
    divided = {
        "x_train": rows_of(read.pixels, ~kept, source),
        "y_train": read.labels[~kept],
        "x_test": rows_of(read.pixels, kept, source),
        "y_test": read.labels[kept],
    }
    return arrays | divided, tuple(findings)


def drawn_test(
    images: NDArray[Any], classes: NDArray[np.int64], source: str, options: FileOptions
) -> tuple[NDArray[np.bool_], StratifiedSplit]:
    """Return which images are kept for the test, and how they were drawn; copies of an image stay on one side.

    Raises:
        DatasetError: There are too few images.
    """
    try:
        kept = split_with_copies(classes, fingerprints(images), options.test_share, options.split_seed)
    except DatasetError as error:
        raise DatasetError(f"{source}: {error}") from error
    return kept, StratifiedSplit(share=options.test_share, seed=options.split_seed)
