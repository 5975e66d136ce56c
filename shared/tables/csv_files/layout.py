"""How a CSV file is laid out: its encoding, its separator, and whether its first line names the columns."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice

from deepchord.shared.errors import DatasetError
from deepchord.shared.tables.csv_files.header import has_header

#: In the order in which they are preferred.
_SEPARATORS = ("\t", ";", "|", ",")
#: So many lines show the layout.
_SAMPLE = 200
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
#: The first lines are looked for in so many characters.
_SAMPLE_LENGTH = 2**20


@dataclass(frozen=True, kw_only=True)
class CsvLayout:
    """How the fields of a file are to be read."""

    separator: str
    has_header: bool
    #: How many fields a line has.
    width: int


def decoded_text(data: bytes, source: str) -> str:
    """Return bytes as a text with plain line ends: UTF-8, UTF-16 or UTF-32 by their marks, else Latin-1 of Windows.

    Raises:
        DatasetError: It is no text.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if encoding is None and len(data) % 2 == 0 and b"\0" in data[:2]:
        # A Latin letter in UTF-16 without its mark: one of its bytes is zero.
        encoding = "utf-16-le" if data[1] == 0 else "utf-16-be"
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise DatasetError(f"{source} is no text in {encoding.upper()}, as which it begins: {error}.") from error
        text = data.decode("cp1252", "replace")
    if "\0" in text:
        raise DatasetError(f"{source} holds zero bytes: it is no CSV file, or is damaged.")
    return text if "\r" not in text else text.replace("\r\n", "\n").replace("\r", "\n")


def csv_layout(text: str, source: str, wanted: Collection[str] = (), *, header: bool | None = None) -> CsvLayout:
    """Return how a text is laid out, by its first lines.

    Args:
        text: The lines.
        source: What they are called in errors.
        wanted: Names of columns that are to be there: a first line with all of them is a header.
        header: Whether the first line is one otherwise; None: what it looks like, and a warning if that is not sure.

    Raises:
        DatasetError: It has no lines, or one is longer than any table has.
    """
    sample = text if len(text) <= _SAMPLE_LENGTH else text[: text.rfind("\n", 0, _SAMPLE_LENGTH) + 1]
    found = {separator: list(islice(_lines(sample, separator, source), _SAMPLE)) for separator in _SEPARATORS}
    if not found[","]:
        what = "has a line too long for a table" if text.strip() else "is empty"
        raise DatasetError(f"{source} {what}: expected a table, its columns separated by commas.")
    separator = max(_SEPARATORS, key=lambda each: _fitness(found[each]))
    lines = found[separator] if len(found[separator][0]) > 1 else found[","]
    separator = separator if len(found[separator][0]) > 1 else ","
    return CsvLayout(
        separator=separator,
        has_header=_is_of_all(lines[0], wanted) or (has_header(lines, source) if header is None else header),
        width=len(lines[0]),
    )


def first_uneven(text: str, layout: CsvLayout, source: str) -> tuple[int, int] | None:
    """Return the first row with too few or too many fields, from 1 below the header, and how many it has.

    None: all rows have as many fields as the first line.
    """
    for number, fields in enumerate(_lines(text, layout.separator, source), 0 if layout.has_header else 1):
        if len(fields) != layout.width:
            return number, len(fields)
    return None


def _lines(text: str, separator: str, source: str) -> Iterator[list[str]]:
    """Yield the fields of each line that is not empty."""
    try:
        # `StringIO` and not `splitlines`: a quoted field may hold line breaks.
        for fields in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if fields:
                yield fields
    except csv.Error as error:
        raise DatasetError(f"{source} is no CSV file that can be read: {error}.") from error


def _fitness(lines: list[list[str]]) -> tuple[float, int]:
    """Return how well a separator fits: the share of lines with the most frequent number of fields, and that number."""
    widths = Counter(map(len, lines))
    width, times = max(widths.items(), key=lambda item: (item[1], item[0]))
    return (0.0, 0) if width < 2 else (times / len(lines), width)


def _is_of_all(first: list[str], wanted: Collection[str]) -> bool:
    return bool(wanted) and {name.strip() for name in wanted} <= {field.strip() for field in first}
