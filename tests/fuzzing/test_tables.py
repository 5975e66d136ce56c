"""Any table is looked at or refused in a sentence, as `deepchord data` does."""

import gzip
import random
from collections.abc import Sequence
from pathlib import Path

from tests.fuzzing.inputs import damaged, look_at, try_inputs

LETTERS = "aZ09 ,;\t|\"'.-+eé€\x1b\u2028\ufeff\n"
#: Fields that columns are made of; the last ones are of no kind.
KINDS = (
    ("-5", "0", "1", "2", "17", "2000", "99999999999999999999"),
    ("0", "1"),
    ("1.25", "-3.5", "0.0", "1e3", "12.75", "900.5", "3.", ".5"),
    ("1e999", "-1e308", "0x10", "1_000", "٣", "1e-400", "inf", "nan", "1e308"),
    ('"1,2"', '"1,200"', '"3,5"', '"1,234,567"', '"12,3456"', "7"),
    ("red", "green", "blue", "Blue", "a b", "ä"),
    ("2025-01-31", "2024-02-29", "31.12.2025", "2025-13-01", "1/2/2025", "2025-01-01T10:00:00Z", "0001-01-01"),
    ("true", "False", "yes", "0", "1"),
    ("", "NA", "nan", "?", " ", "null"),
    ("",),
)
NAMES = ("a", "b", "y", "class", "path", "label", "split", "", "1", "0", "2025-01-01", '"a,b"', "é", "target", "\x1b")


def random_text(draw: random.Random, longest: int) -> str:
    return "".join(draw.choices((*LETTERS, chr(draw.randrange(0xD800))), k=draw.randint(0, longest)))


def lines(draw: random.Random) -> list[list[str]]:
    """A table whose columns are each of one kind, but for a field here and there."""
    kinds = draw.choices(KINDS, k=draw.choice([1, 2, 3, 3, 4, 5]))
    rows = [[draw.choice(kind) for kind in kinds] for _ in range(draw.choice([0, 1, 3, 9, 14, 30]))]
    if draw.random() < 0.3:
        row = draw.choice([*rows, [""]])
        row[draw.randrange(len(row))] = draw.choice([random_text(draw, 6), draw.choice(draw.choice(KINDS))])
    return [draw.sample(NAMES, k=len(kinds)), *rows] if draw.random() < 0.7 else rows


def content(draw: random.Random) -> bytes:
    if draw.random() < 0.05:
        return draw.randbytes(draw.randint(0, 80)) if draw.random() < 0.5 else random_text(draw, 60).encode()
    separator, end = draw.choice(",,;\t|"), draw.choice(["\n", "\n", "\r\n", "\r", "\n\n"])
    text = end.join(map(separator.join, lines(draw)))
    data = text.encode(draw.choice(["utf-8", "utf-8", "utf-16", "utf-8-sig", "cp1252", "utf-16-le"]), "replace")
    if draw.random() < 0.2:
        data = damaged(draw, [data])
    return gzip.compress(data, 1) if draw.random() < 0.05 else data


def test_any_table_is_looked_at_or_refused_in_a_sentence(tmp_path: Path, seeds: Sequence[int]):
    other = tmp_path / "other.csv"

    def look(draw: random.Random) -> None:
        path = tmp_path / draw.choice(["any.csv", "any.tsv", "any.data", "any.csv.gz"])
        data = content(draw)
        path.write_bytes(data)
        options = {
            "target": draw.choice([*[None] * 12, "a", "b", "a,b", "", "column_2"]),
            "task": draw.choice([None, None, "classification", "regression"]),
            "header": draw.choice([None, None, None, True, False]),
        }
        if draw.random() < 0.2:
            other.write_bytes(damaged(draw, [data]))
            options["test"] = str(other)
        look_at(path, **options)

    try_inputs(seeds, look)
