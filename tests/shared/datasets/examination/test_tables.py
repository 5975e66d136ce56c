"""What is told of tables: columns, classes, equal rows, and what is left out."""

import json

import numpy as np
import pandas as pd

from deepchord.shared.datasets import Dataset, Examination, all_findings, dataset_of_table, examine
from deepchord.shared.messages import StratifiedSplit
from deepchord.shared.tables import table_of_frame


def flowers() -> pd.DataFrame:
    """50 rows of all kinds of columns, with nothing to find but what is left out."""
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": np.arange(1, 51),
            "length": [None, 7.5, -1.5, *generator.uniform(size=47)],
            "image": ["one"] * 50,
            "nothing": [None] * 50,
            "key": [f"k{number}" for number in range(50)],
            "colour": ["red", "red", "white", None, "blue"] * 10,
            "wild": [True, False] * 25,
            "seen": pd.date_range("2026-01-01", periods=50),
            "species": ["rose", "tulip"] * 25,
        }
    )


def dataset(train: pd.DataFrame, test: pd.DataFrame | StratifiedSplit) -> Dataset:
    given = test if isinstance(test, StratifiedSplit) else table_of_frame(test)
    return dataset_of_table(table_of_frame(train), name="flowers", target="species", test=given)


def separate(**changes: object) -> Dataset:
    """Return the flowers with test rows of their own, which differ in their length."""
    return dataset(flowers().assign(**changes), flowers().assign(length=np.linspace(2, 3, 50), **changes))


def texts(looked_at: Dataset, level: str) -> list[str]:
    return [finding.text for finding in all_findings(looked_at) if finding.level == level]


def test_each_column_is_told_with_its_kind_its_values_and_what_is_missing():
    found = examine(separate())

    assert (found.target, found.train.size, found.train.shape) == ("species", 50, (2 + 4 + 1 + 5,))
    columns = {column.name: column for column in found.columns}
    assert list(columns) == list(flowers().columns[:-1])
    assert [column.kind for column in columns.values()] == [
        *("number", "number", "category", None, "category", "category", "boolean", "date")
    ]
    assert (columns["length"].lowest, columns["length"].highest, columns["length"].distinct) == (-1.5, 7.5, 49)
    assert (columns["length"].missing_train, columns["length"].missing_test, columns["length"].features) == (1, 0, 2)
    assert [(each.value, each.rows) for each in columns["colour"].frequent] == [
        ("red", 20),
        ("blue", 10),
        ("white", 10),
    ]
    assert (columns["seen"].lowest, columns["seen"].highest) == ("2026-01-01", "2026-02-19")
    assert {name: column.left_out for name, column in columns.items() if column.left_out} == {
        "number": "row_number",
        "image": "constant",
        "nothing": "empty",
        "key": "identifier",
    }
    assert Examination.model_validate(json.loads(found.model_dump_json())) == found


def test_what_is_left_out_is_told_once_and_under_its_own_name():
    looked_at = separate()

    assert texts(looked_at, "warning") == [
        "Column 'key' is left out (an identifier or prose, nearly each row has its own).",
        "Column 'number' is left out (the number of the row).",
    ]
    assert texts(looked_at, "note") == [
        "Column 'image' is left out (the same in all rows).",
        "Column 'nothing' is left out (empty).",
    ]


def test_of_many_columns_that_are_left_out_some_are_named():
    first, _ = texts(separate(**{f"c{number}": 1 for number in range(9)}), "note")

    assert first == "Columns 'image', 'c0', 'c1', 'c2', 'c3' and 5 more are left out (the same in all rows)."


def test_equal_rows_may_be_different_cases():
    rows = flowers()[["length", "species"]].dropna()
    other = rows.assign(species=["rose", *rows["species"][1:]])

    assert texts(dataset(rows, rows), "warning") == [
        "49 of 49 test rows are equal to training rows in all columns that are used: if they are the same cases, the "
        "test scores are better than those of new rows would be."
    ]
    assert texts(dataset(rows, other), "warning")[0].endswith("1 of them has another class there.")


def test_where_columns_have_few_values_equal_rows_are_no_warning():
    rows = flowers()[["colour", "wild", "species"]]

    assert texts(dataset(rows, rows), "warning") == []
    assert texts(dataset(rows, rows), "note") == [
        "42 of 50 training rows are equal to an earlier one in all columns that are used, and 50 of 50 test rows to a "
        "training row, as rows of few different values are; each row counts."
    ]


def test_a_class_without_test_rows_few_rows_and_a_draw_are_told_of_rows():
    rows = flowers()[["length", "species"]].assign(species=["lily", *["rose", "tulip"] * 24, "tulip"])

    found = all_findings(dataset(rows, StratifiedSplit(share=0.2, seed=0)))

    assert [(finding.kind, finding.text) for finding in found] == [
        ("untested_class", "No test row is of class lily: nothing is measured there."),
        ("few_images", "Only 1 training row is of class lily: hardly anything can be learnt of so few."),
        ("drawn_test", "No test rows were given: 10 were drawn, about 20% of each class, with the seed 0."),
    ]


def test_a_class_that_is_called_image_keeps_its_name():
    train = flowers().assign(species=["an image", "images"] + ["Image"] * 20 + ["rose"] * 28)
    test = train.assign(length=np.linspace(2, 3, 50), species=["rose"] * 50)

    found = texts(dataset(train, test), "warning")

    assert (
        "Fewer than 10 training rows are of 2 classes: an image, images: hardly anything can be learnt of so few."
        in found
    )
    assert "No test row is of 3 classes: Image, an image, images: nothing is measured there." in found
