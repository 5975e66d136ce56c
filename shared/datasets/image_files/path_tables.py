"""A CSV file with the paths of image files and their classes."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets.image_files.listing import (
    PART_NAMES,
    EncodedImage,
    Listing,
    Part,
    class_name,
    numbered_classes,
    unknown_class,
)
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import check_regular

_PATH, _LABEL, _SPLIT = "path", "label", "split"
#: A longer line is no row of paths.
_MAX_LINE = 65536
_DELIMITERS = ",;\t"


def is_path_table(path: Path) -> bool:
    """Return whether a file begins with the names of columns, `path` and `label` among them."""
    try:
        check_regular(path)
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            header = _cells(file.readline(_MAX_LINE))
    except (OSError, ValueError):
        return False
    return {_PATH, _LABEL} <= {name.strip().lower() for name in header}


def list_path_table(path: Path) -> Listing:
    """Return the image files that a CSV names; a relative path is taken from the folder of the CSV.

    Args:
        path: The CSV: columns `path` and `label`, and perhaps `split` with `train`, `validation` or `test` in each row;
            others are passed over. Separated by commas, semicolons or tabs; UTF-8.

    Raises:
        DatasetError: It cannot be read, or a row is not complete.
    """
    source = printable_path(path)
    rows = list(_rows(path, source))
    if not rows:
        raise DatasetError(f"{source} names no image files: below its first line there is none.")
    numbers = numbered_classes((label for _, label, _ in rows), source)
    unknown = unknown_class(rows)
    if unknown is not None:
        raise DatasetError(
            f"{source} has the class {unknown[1]!r} in rows of {unknown[2]} alone: a network cannot know that class."
        )
    images = [
        EncodedImage(name=printable_path(file), content=file, label=numbers[label], part=part)
        for file, label, part in rows
    ]
    return Listing(images=images, class_names=tuple(numbers))


def _rows(path: Path, source: str) -> Iterator[tuple[Path, str, Part | None]]:
    try:
        check_regular(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline(_MAX_LINE)
            header = [name.strip().lower() for name in _cells(first)]
            _check_header(header, source)
            reader = csv.reader(file, delimiter=_delimiter(first))
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield _row(header, cells, path.parent, f"{source}, line {reader.line_num + 1}")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{source} is not UTF-8 text: save it as CSV in UTF-8.") from error
    except (csv.Error, OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatasetError(f"{source} cannot be read as CSV: {reason}.") from error


def _check_header(header: list[str], source: str) -> None:
    if not {_PATH, _LABEL} <= set(header) or len(set(header)) < len(header):
        names = ", ".join(map(printable_path, header[:8]))
        raise DatasetError(
            f"{source}: expected the columns path and label, and perhaps split, each once; its first line has {names}."
        )


def _row(header: list[str], cells: list[str], folder: Path, place: str) -> tuple[Path, str, Part | None]:
    if len(cells) != len(header):
        raise DatasetError(f"{place}: expected {len(header)} cells as in its first line, found {len(cells)}.")
    row: dict[str, Any] = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    if not row[_PATH] or not row[_LABEL] or "\0" in row[_PATH]:
        raise DatasetError(
            f"{place}: expected the path of an image file and its class, found {row[_PATH]!r} and {row[_LABEL]!r}."
        )
    part: Part | None = None
    if _SPLIT in row:
        part = PART_NAMES.get(row[_SPLIT].lower())
        if part is None:
            raise DatasetError(f"{place}: split is {row[_SPLIT]!r}; expected train, validation or test.")
    return _file(folder, row[_PATH]), class_name(row[_LABEL]), part


def _file(folder: Path, text: str) -> Path:
    """Return the path of a file; tables from Windows have backslashes in theirs."""
    path = folder / text
    return path if "\\" not in text or path.exists() else folder / text.replace("\\", "/")


def _cells(line: str) -> list[str]:
    return next(csv.reader([line], delimiter=_delimiter(line)), [])


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)
