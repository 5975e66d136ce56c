"""Parquet files with a column of encoded images and one of labels, as Hugging Face keeps data sets."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
)
from deepchord.shared.errors import DatasetError, InputError
from deepchord.shared.files import check_regular
from deepchord.shared.images import picture_pixels
from deepchord.shared.tables import PARQUET_SUFFIXES

_IMAGE_COLUMNS = ("image", "img", "picture", "pixel_values")
_LABEL_COLUMNS = ("label", "labels", "class", "target", "fine_label")
#: So many rows are in memory at a time.
_ROWS = 64


@dataclass(frozen=True)
class _Columns:
    image: str
    label: str
    #: The names of the classes, if the file tells them; labels are then their numbers.
    class_names: tuple[str, ...] | None


@dataclass(frozen=True)
class _ParquetImages(Collection[EncodedImage]):
    """The images of some Parquet files, which are read again each time that they are gone through."""

    files: tuple[tuple[Path, Part | None, _Columns], ...]
    numbers: dict[str, int]
    count: int

    def __len__(self) -> int:
        return self.count

    def __contains__(self, image: object) -> bool:
        return any(image == each for each in self)

    def __iter__(self) -> Iterator[EncodedImage]:
        for path, part, columns in self.files:
            for row, (value, label) in enumerate(_rows(path, [columns.image, columns.label])):
                name = f"{printable_path(path)}, row {row}"
                yield EncodedImage(
                    name=name, content=_content(value, path, name), label=self.numbers[_label(label, name)], part=part
                )


def parquet_files(path: Path) -> list[Path]:
    """Return the Parquet files that a path means: itself, or those in a folder and in its folder `data`."""
    if not path.is_dir():
        return [path] if path.suffix.lower() in PARQUET_SUFFIXES else []
    try:
        found = [*path.iterdir(), *((path / "data").iterdir() if (path / "data").is_dir() else ())]
    except OSError as error:
        raise DatasetError(f"{printable_path(path)} cannot be read: {error.strerror}.") from error
    return sorted(file for file in found if file.suffix.lower() in PARQUET_SUFFIXES and not file.name.startswith("."))


def list_parquet(path: Path) -> Listing:
    """Return the images of a Parquet file or of a folder of them.

    The column of images holds their bytes, or structs with the field `bytes`; a file belongs to the part that its name
    begins with, `train-00000-of-00002.parquet` for example.

    Raises:
        DatasetError: A file cannot be read, or lacks a column.
    """
    files = tuple((file, _part(file), _columns(file)) for file in parquet_files(path))
    source, told = printable_path(path), {columns.class_names for _, _, columns in files}
    if len(told) > 1:
        raise DatasetError(f"The Parquet files of {source} name different classes: give those of one data set.")
    (class_names,) = told
    count, labels = 0, set()
    for file, _, columns in files:
        for row, (label,) in enumerate(_rows(file, [columns.label])):
            labels.add(_label(label, f"{printable_path(file)}, row {row}"))
            count += 1
    if not count:
        raise DatasetError(f"{source} holds no rows.")
    if class_names is None:
        numbers = numbered_classes(labels, source)
        return Listing(images=_ParquetImages(files, numbers, count), class_names=tuple(numbers))
    numbers = {str(number): number for number in range(len(class_names))}
    if unknown := sorted(labels - set(numbers)):
        raise DatasetError(f"{source} has the label {unknown[0]!r}, and names {len(class_names)} classes from 0.")
    return Listing(images=_ParquetImages(files, numbers, count), class_names=class_names)


def has_images(path: Path) -> bool:
    """Return whether a Parquet file has a column of images; a file that cannot be read has none.

    Bytes may be anything. So a column whose name does not say that it holds images has to begin with one.
    """
    try:
        with _opened(path) as file:
            column = _image_column(file.schema_arrow)
            return column is not None and (column in _IMAGE_COLUMNS or _begins_with_image(file, column))
    except (DatasetError, OSError):
        return False


def _begins_with_image(file: Any, column: str) -> bool:
    """Return whether the first value of a column that is there is an image, or the path of one."""
    for batch in file.iter_batches(batch_size=_ROWS, columns=[column]):
        for value in batch.column(0).to_pylist():
            data = value.get("bytes") if isinstance(value, dict) else value
            if isinstance(data, bytes):
                return _is_image(data)
            if isinstance(value, dict) and value.get("path"):
                return True
    return False


def _is_image(data: bytes) -> bool:
    try:
        return picture_pixels(data, "the first value") > 0
    except InputError:
        return False


def _part(file: Path) -> Part | None:
    word = "".join(letter if letter.isalpha() else " " for letter in file.stem.lower()).split()
    return PART_NAMES.get(word[0]) if word else None


def _columns(path: Path) -> _Columns:
    with _opened(path) as file:
        schema = file.schema_arrow
        image = _image_column(schema)
        label = next((name for name in _LABEL_COLUMNS if name in schema.names), None)
        if image is None or label is None:
            found = ", ".join(map(printable_path, schema.names[:8]))
            raise DatasetError(
                f"{printable_path(path)}: expected a column of images (image, with their bytes) and one of classes "
                f"(label), found {found}."
            )
        return _Columns(image, label, _class_names(schema, label))


def _image_column(schema: Any) -> str | None:
    import pyarrow as pa

    def is_image(kind: Any) -> bool:
        if pa.types.is_struct(kind):
            names = [kind.field(number).name for number in range(kind.num_fields)]
            return "bytes" in names and is_image(kind.field(names.index("bytes")).type)
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    named = [name for name in schema.names if schema.names.count(name) == 1 and is_image(schema.field(name).type)]
    return next((name for name in _IMAGE_COLUMNS if name in named), named[0] if len(named) == 1 else None)


def _class_names(schema: Any, label: str) -> tuple[str, ...] | None:
    """Return the names of the classes as Hugging Face notes them in the schema, if they are there."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[label]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    is_valid = isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    return tuple(names) if is_valid else None


def _label(value: object, name: str) -> str:
    if isinstance(value, int | str) and not isinstance(value, bool) and class_name(str(value)):
        return class_name(str(value))
    raise DatasetError(f"{name}: expected a class, a whole number or a text, found {value!r}.")


def _content(value: object, path: Path, name: str) -> Path | bytes:
    data = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(data, bytes):
        return data
    beside = value.get("path") if isinstance(value, dict) else None
    if isinstance(beside, str) and beside and "\0" not in beside:
        return path.parent / beside
    raise DatasetError(f"{name} holds no image: neither its bytes nor its path are there.")


def _rows(path: Path, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    with _opened(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
            yield from zip(*(batch.column(column).to_pylist() for column in columns), strict=True)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a Parquet file; whatever is wrong with it becomes a `DatasetError`, also while it is read."""
    source = printable_path(path)
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise DatasetError(
            f"{source} is a Parquet file, and pyarrow, which reads it, is not installed: pip install '.[tables]' in "
            "your clone."
        ) from error
    try:
        check_regular(path)
        with parquet.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(f"{source} cannot be read as a Parquet file: {printable_path(reason)[:200]}.") from error
