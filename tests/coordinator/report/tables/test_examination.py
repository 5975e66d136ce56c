import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deepchord.coordinator.report.tables import examination_table
from deepchord.shared.command_line import PrintableConsole
from deepchord.shared.datasets import Dataset, dataset_of_table, examine
from deepchord.shared.messages import DatasetFinding
from deepchord.shared.tables import table_of_frame


def dataset(classes: int) -> Dataset:
    labels = np.arange(classes).repeat(2)
    images = np.random.default_rng(0).integers(0, 256, (2 * classes, 3, 3, 1), dtype=np.uint8)
    names = tuple(f"class\x1b {index}" for index in range(classes))
    return Dataset(name="drawn", x_train=images, y_train=labels, x_test=images, y_test=labels, class_names=names)


def shown(examined: Dataset, width: int = 100) -> str:
    file = io.StringIO()
    PrintableConsole(file=file, width=width).print(examination_table(examine(examined)))
    return file.getvalue()


def test_warnings_come_before_notes_and_names_cannot_steer_the_terminal():
    noted = DatasetFinding(kind="scaled", level="note", text="It was scaled.")

    text = shown(replace(dataset(2), findings=(noted,)))

    assert text.index("warning: 4 of 4 test images are training images") < text.index("note: It was scaled.")
    assert "\x1b" not in text


def test_where_nothing_is_suspicious_that_is_said():
    images = np.random.default_rng(1).integers(0, 256, (60, 3, 3, 1), dtype=np.uint8)
    labels = np.arange(60) % 2
    well = Dataset(
        name="well",
        x_train=images[:40],
        y_train=labels[:40],
        x_test=images[40:],
        y_test=labels[40:],
        class_names=("cat", "dog"),
    )

    assert "Nothing suspicious was found." in shown(well)


@pytest.mark.parametrize("width", [40, 100])
def test_of_many_classes_the_largest_and_the_smallest_are_shown(width: int):
    text = shown(dataset(60), width)

    assert "20 more classes" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= width


@pytest.fixture
def rows() -> Dataset:
    generator = np.random.default_rng(0)
    columns = {f"x{number}": generator.normal(size=60) for number in range(45)}
    frame = pd.DataFrame(
        {
            "key\x1b": [f"k{number}" for number in range(60)],
            "town": generator.choice(["Rome", "Oslo"], 60),
            "open": generator.choice([True, False], 60),
            "seen": pd.date_range("2026-01-01", periods=60, freq="h"),
            **columns,
            "kind": ["cat", "dog"] * 30,
        }
    )
    return dataset_of_table(table_of_frame(frame), name="rows.csv", target="kind")


def test_of_a_table_columns_are_shown_and_all_is_told_of_rows(rows: Dataset):
    text = " ".join(shown(rows, 120).split())

    for expected in (
        "rows 48 12",
        "kind training test training rows",
        "left out: an identifier or prose",
        "truth value",
        "2026-01-01 0",
        "9 more columns are not shown",
        "48 columns become 55 features",
        "warning: Column 'key",
        "No test rows were given",
    ):
        assert expected in text, expected
    assert "\x1b" not in text
    assert "image" not in text


def test_a_table_has_room_on_a_narrow_terminal(rows: Dataset):
    assert max(map(len, shown(rows, 60).splitlines())) <= 60
