"""A list of image files with their classes, before any of them is opened."""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepchord.shared.errors import DatasetError
from deepchord.shared.messages import DatasetFinding

Part = Literal["train", "validation", "test"]
#: How folders and files of a part are called, in small letters.
PART_NAMES: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, kw_only=True)
class EncodedImage:
    """An image file, or its bytes."""

    #: What it is called in errors.
    name: str
    content: Path | bytes
    label: int
    #: None: it is not said.
    part: Part | None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Image files one after the other, however many there are: they may be gone through several times."""

    images: Collection[EncodedImage]
    #: By label.
    class_names: tuple[str, ...]
    #: What was noticed about the list itself.
    findings: tuple[DatasetFinding, ...] = ()


def numbered_classes(names: Iterable[str], source: str) -> dict[str, int]:
    """Return the number of each class: in the order of the names, or of the numbers if all names are numbers.

    Args:
        names: The names, as often as they occur.
        source: Where they stand, for errors.

    Raises:
        DatasetError: A name cannot be printed.
    """
    different = set(names)
    for name in sorted(different):
        if not name.strip() or not name.isprintable():
            raise DatasetError(f"{source} has a class whose name cannot be printed, {name!a}: rename it.")
    are_numbers = all(name.isascii() and name.isdigit() and len(name) < 10 for name in different)
    ordered = sorted(different, key=lambda name: (int(name), name)) if are_numbers else sorted(different)
    return {name: number for number, name in enumerate(ordered)}


def unknown_class(images: Sequence[tuple[Path, str, Part | None]]) -> tuple[Path, str, Part | None] | None:
    """Return the first image whose class has no image to train on; None: there is none.

    Validation images are trained on if there are test images; see `deepchord.shared.datasets.own_files.arrangement`.
    """
    has_test = any(part == "test" for _, _, part in images)
    trained_on = (None, "train", "validation") if has_test else (None, "train")
    known = {name for _, name, part in images if part in trained_on}
    return next((image for image in images if image[1] not in known), None)


def class_name(text: str) -> str:
    """Return a name as it is compared: the two Unicode forms of an umlaut are one."""
    return unicodedata.normalize("NFC", text.strip())


def note(kind: str, text: str) -> DatasetFinding:
    """Return a finding that says what was done."""
    return DatasetFinding(kind=kind, level="note", text=text)
