"""Folders of image files: a folder for each class, perhaps below the folders `train` and `test`."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets.image_files.listing import (
    PART_NAMES,
    EncodedImage,
    Listing,
    Part,
    class_name,
    note,
    numbered_classes,
    unknown_class,
)
from deepchord.shared.errors import DatasetError
from deepchord.shared.images import SUFFIXES
from deepchord.shared.messages import DatasetFinding

#: A folder with more is not one of images: a whole disk, for example.
_MAX_FILES = 5_000_000
#: A folder that holds nothing but one folder is entered so many times: archives are often unpacked into one.
_MAX_WRAPPERS = 3
_LAYOUT = (
    "expected a folder for each class, such as {folder}/cat/1.jpg, perhaps below {folder}/train and {folder}/test; or "
    "give a CSV file with the columns path and label"
)


@dataclass
class _Found:
    """What a walk through folders has found so far."""

    #: Path, name of the class, part.
    images: list[tuple[Path, str, Part | None]] = field(default_factory=list)
    #: How many files were left out, by their ending.
    others: Counter[str] = field(default_factory=Counter)
    #: How many image files lie in no folder of a class.
    loose: int = 0
    files: int = 0


def list_folder(folder: Path) -> Listing:
    """Return the image files of a folder; the class of a file is the folder that it lies in.

    The classes may lie below `train` and `test`, and `validation`, in any of their usual names. Files and folders whose
    names begin with a dot are passed over, links to folders are followed for classes and parts only.

    Raises:
        DatasetError: The folder cannot be read, or does not hold classes of images.
    """
    found, root = _Found(), _unwrapped(folder)
    parts: dict[Part, list[Path]] = {}
    classes = []
    for below in _subfolders(root):
        part = PART_NAMES.get(below.name.lower())
        if part is None:
            classes.append(below)
        else:
            parts.setdefault(part, []).append(below)
    findings = []
    if "train" in parts:
        for part, places in parts.items():
            for place in places:
                _look_at_part(place, part, found)
        findings += _left_out(classes)
    elif parts and ("test" in parts or not classes):
        names = ", ".join(place.name for places in parts.values() for place in places)
        raise DatasetError(f"{printable_path(root)} holds {printable_path(names)} and no train: {_layout(root)}.")
    else:
        # Without `train` and `test`, `valid` is a class: its neighbour is `invalid`.
        _look_at_part(root, None, found)
    return _listing(root, found, findings)


def _look_at_part(place: Path, part: Part | None, found: _Found) -> None:
    for name in _names(place):
        if not _is_folder(place / name) and not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
            found.loose += 1
    for folder in _subfolders(place):
        for path in _files_below(folder):
            _count(found, place)
            if path.suffix.lower() in SUFFIXES:
                found.images.append((path, class_name(folder.name), part))
            else:
                found.others[path.suffix.lower() or path.name] += 1


def _listing(root: Path, found: _Found, findings: list[DatasetFinding]) -> Listing:
    source = printable_path(root)
    if not found.images:
        raise DatasetError(f"{source} holds no image files in folders of classes{_instead(found)}: {_layout(root)}.")
    _check_parts(root, found)
    numbers = numbered_classes((name for _, name, _ in found.images), source)
    images = [
        EncodedImage(name=printable_path(path), content=path, label=numbers[name], part=part)
        for path, name, part in sorted(found.images)
    ]
    if found.loose:
        findings.append(
            DatasetFinding(
                kind="loose_images",
                level="warning",
                text=f"{_files(found.loose, 'image file')} {_lie(found.loose)} in no folder of a class and "
                f"{'was' if found.loose == 1 else 'were'} left out.",
            )
        )
    if found.others:
        endings = ", ".join(printable_path(ending) for ending, _ in found.others.most_common(4))
        count = found.others.total()
        findings.append(note("other_files", f"{_files(count, 'file')} left out: no image by the name ({endings})."))
    return Listing(images=images, class_names=tuple(numbers), findings=tuple(findings))


def _check_parts(root: Path, found: _Found) -> None:
    """Raise `DatasetError` if some images have no class, or a class is not among those to train on."""
    unknown = unknown_class(found.images)
    if unknown is not None:
        path, name, part = unknown
        raise DatasetError(
            f"{printable_path(path.parent)} is a class of {part}, and {printable_path(root)} has no training images of "
            f"a class {name!r}: a network cannot know that class."
        )
    has_images = {part for _, _, part in found.images}
    if found.loose and "test" not in has_images and any(part is not None for part in has_images):
        raise DatasetError(
            f"{printable_path(root)} holds {_files(found.loose, 'image file')} outside of the folders of classes, and "
            "test images need a class: move them into folders of classes, or away, so that test images are drawn from "
            "the others."
        )


def _unwrapped(folder: Path) -> Path:
    """Return the folder, or the only folder in it that holds the classes."""
    for _ in range(_MAX_WRAPPERS):
        below = _subfolders(folder)
        is_part = len(below) == 1 and below[0].name.lower() in PART_NAMES
        if len(below) != 1 or is_part or not _subfolders(below[0]):
            break
        folder = below[0]
    return folder


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, below, names in os.walk(folder, onerror=_refuse):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (Path(parent) / name for name in sorted(names) if not name.startswith("."))


def _subfolders(folder: Path) -> list[Path]:
    names = (name for name in _names(folder) if not name.startswith(".") and name != "__MACOSX")
    return [folder / name for name in names if _is_folder(folder / name)]


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  false where Path.is_dir raises


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  names, of which most are no folders
    except OSError as error:
        raise DatasetError(f"{printable_path(folder)} cannot be read: {error.strerror}.") from error


def _count(found: _Found, place: Path) -> None:
    found.files += 1
    if found.files > _MAX_FILES:
        raise DatasetError(
            f"{printable_path(place)} holds more than {_MAX_FILES:,} files: give the folder of the images alone."
        )


def _left_out(classes: list[Path]) -> list[DatasetFinding]:
    if not classes:
        return []
    names = ", ".join(printable_path(folder.name) for folder in classes[:4])
    return [note("other_folders", f"{_files(len(classes), 'folder')} beside train left out: {names}.")]


def _refuse(error: OSError) -> None:
    raise DatasetError(f"{printable_path(str(error.filename))} cannot be read: {error.strerror}.") from error


def _layout(folder: Path) -> str:
    return _LAYOUT.format(folder=printable_path(folder.name or folder))


def _instead(found: _Found) -> str:
    if found.loose:
        return f", and {_files(found.loose, 'image file')} outside of them"
    endings = ", ".join(printable_path(ending) for ending, _ in found.others.most_common(4))
    return f", but {_files(found.others.total(), 'other file')} ({endings})" if endings else ""


def _files(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _lie(count: int) -> str:
    return "lies" if count == 1 else "lie"
