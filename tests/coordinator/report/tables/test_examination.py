import io
from dataclasses import replace

import numpy as np
import pytest

from deepchord.coordinator.report.tables import examination_table
from deepchord.shared.command_line import PrintableConsole
from deepchord.shared.datasets import Dataset, examine
from deepchord.shared.messages import DatasetFinding


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
