"""What training rows decide, and what becomes of rows by it."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepchord.shared.errors import DatasetError
from deepchord.shared.messages import (
    BooleanColumn,
    CategoryColumn,
    DateColumn,
    DroppedColumn,
    NumberColumn,
    TablePreprocessing,
)
from deepchord.shared.tables import (
    Table,
    checked_rows,
    counting_columns,
    encode_rows,
    feature_names,
    find_targets,
    fit_preprocessing,
    known_labels,
    looks_like_numbers,
    shown_rows,
    table_of_frame,
    table_of_objects,
    table_of_rows,
    target_classes,
    target_numbers,
)
from deepchord.shared.tables.texts import MISSING


def mixed(rows: int = 60) -> Table:
    """Return a table of all kinds; each kind has a missing value."""
    numbers = np.arange(rows)
    frame = pd.DataFrame(
        {
            "height": np.where(numbers == 3, np.nan, 150.0 + numbers),
            "kind": pd.Series([None if row == 4 else "rgb"[row % 3] for row in numbers], dtype=object),
            "member": pd.array([None if row == 5 else bool(row % 4) for row in numbers], dtype="boolean"),
            "born": pd.to_datetime(["NaT" if row == 6 else f"{1950 + row}-05-17" for row in numbers]),
            "id": [f"n{row}" for row in numbers],
            "same": 7,
            "nothing": pd.Series([None] * rows, dtype=object),
        }
    )
    return table_of_frame(frame)


def test_each_kind_of_column_becomes_features():
    table = mixed()

    found = fit_preprocessing(table, "y")

    height, kind, member, born = found.columns
    assert height == NumberColumn(name="height", center=180.0, scale=height.scale, has_missing=True)
    assert kind == CategoryColumn(name="kind", categories=("b", "g", "r"), has_missing=True)
    assert member == BooleanColumn(name="member", usual=True, has_missing=True)
    assert born == DateColumn(name="born", center=born.center, scale=born.scale, has_missing=True)
    assert [(each.name, each.reason) for each in found.dropped] == [
        ("id", "identifier"),
        ("same", "constant"),
        ("nothing", "empty"),
    ]
    assert found.all_names == tuple(table.columns)
    assert found.features == 2 + 4 + 2 + 6 == len(feature_names(found))
    assert TablePreprocessing.decode(found.encode(), "stored") == found


def test_rows_become_features_by_it():
    table = mixed()
    found = fit_preprocessing(table, "y")

    features = encode_rows(table, found).features

    height, one_hot, member, born = features[:, 0:2], features[:, 2:6], features[:, 6:8], features[:, 8:14]
    distances = (150.0 + np.arange(60) - 180.0) / found.columns[0].scale
    expected = distances / np.sqrt(1 + (distances / 3) ** 2)
    expected[3] = 0
    np.testing.assert_allclose(height[:, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(height[:, 1], np.arange(60) == 3)
    np.testing.assert_array_equal(one_hot[:5], [[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    np.testing.assert_array_equal(member[:6], [[-1, 0], [1, 0], [1, 0], [1, 0], [-1, 0], [1, 1]])
    np.testing.assert_array_equal(born[6], [0, 0, 0, 0, 0, 1])
    np.testing.assert_allclose((features[:, 9:13] ** 2).sum(axis=1)[:6], 2, rtol=1e-5)


def test_rows_are_shown_as_they_were():
    table = mixed()
    found = fit_preprocessing(table, "y")

    shown = shown_rows(encode_rows(table, found).features[:7], found)

    assert shown[0] == (("height", "150"), ("kind", "r"), ("member", "false"), ("born", "1950-05-17"))
    missing = ((3, "height"), (4, "kind"), (5, "member"), (6, "born"))
    assert [dict(shown[row])[name] for row, name in missing] == [MISSING] * 4


def test_columns_are_found_by_their_names_in_any_order():
    table = mixed()
    found = fit_preprocessing(table, "y")
    turned = Table(source="other", columns={"more": np.ones(60)} | dict(reversed(table.columns.items())), size=60)

    encoded = encode_rows(turned, found)

    np.testing.assert_array_equal(encoded.features, encode_rows(table, found).features)
    assert encoded.extra == ("more",)
    with pytest.raises(DatasetError, match=r"other has no column 'kind', with which .* trained; did you mean 'kinds'"):
        encode_rows(Table(source="other", columns={"kinds": np.ones(2), "height": np.ones(2)}, size=2), found)


def test_categories_that_training_did_not_know_are_zeros_and_counted():
    train = table_of_objects([{"a": letter, "b": number} for number, letter in enumerate("xyxy")], "rows")
    found = fit_preprocessing(train, "y")

    encoded = encode_rows(table_of_objects([{"a": "z", "b": 1}, {"a": None, "b": 1}], "new"), found)

    np.testing.assert_array_equal(encoded.features[:, :2], 0)
    assert encoded.unknown == {"a": 1}


def test_the_rarest_of_many_categories_are_one():
    texts = [f"c{place:02}" for place in range(40) for _ in range(1 if place >= 32 else 3)]
    train = table_of_objects([{"a": text} for text in texts], "rows")

    (column,) = fit_preprocessing(train, "y").columns
    encoded = encode_rows(
        table_of_objects([{"a": "c39"}, {"a": "new"}, {"a": "c00"}], "new"), fit_preprocessing(train, "y")
    )

    assert isinstance(column, CategoryColumn)
    assert (len(column.categories), column.has_other) == (32, True)
    assert encoded.features[:, -1].tolist() == [1, 1, 0]
    assert not encoded.unknown


def test_numbers_of_rows_and_identifiers_are_left_out():
    table = table_of_frame(pl.DataFrame({"n": range(1, 31), "id": [f"k{n}" for n in range(30)], "x": [1, 2] * 15}))

    found = fit_preprocessing(table, "y", row_numbers=counting_columns(table))

    assert found.names == ("x",)
    assert {each.name: each.reason for each in found.dropped} == {"n": "row_number", "id": "identifier"}


def test_a_mistake_among_numbers_is_refused_with_its_place():
    rows = [{"age": str(n), "x": n % 3} for n in range(60)] + [{"age": "12O", "x": 1}]

    with pytest.raises(DatasetError, match="row 61, column 'age' holds '12O', and others hold numbers"):
        fit_preprocessing(table_of_objects(rows, "rows"), "y")


def test_without_any_column_nothing_can_be_predicted():
    with pytest.raises(DatasetError, match="no column to predict 'y' from: 'a' is the same in all rows"):
        fit_preprocessing(table_of_objects([{"a": 1}, {"a": 1}], "rows"), "y")


def test_arrays_have_names_or_numbers():
    assert list(table_of_rows(np.ones((2, 2))).columns) == ["feature_1", "feature_2"]
    with pytest.raises(DatasetError, match="the array has 2 columns; expected 1: a"):
        table_of_rows(np.ones((2, 2)), ["a"])


def test_two_columns_of_one_name_are_no_preprocessing():
    column = NumberColumn(name="a", center=0, scale=1)
    with pytest.raises(ValueError, match="two columns have the same name"):
        TablePreprocessing(target="y", columns=(column,), dropped=(DroppedColumn(name="a", reason="empty", place=0),))


@pytest.mark.parametrize(
    ("names", "asked", "target"),
    [
        (("y", "a"), None, ("y",)),
        (("a", "b"), None, ("b",)),
        (("Class", "b"), None, ("Class",)),
        (("a", "b"), "a", ("a",)),
        (("a", "b", "c"), "c, a", ("c", "a")),
        (("a,b", "a", "b"), "a,b", ("a,b",)),
    ],
)
def test_what_is_predicted_is_found_by_its_name_or_place(names, asked, target):
    assert find_targets(table_of_rows(np.ones((1, len(names))), names), asked) == target


def test_a_column_that_is_not_there_cannot_be_predicted():
    with pytest.raises(DatasetError, match="no column 'kinds' to predict; did you mean 'kind'"):
        find_targets(table_of_rows(np.ones((1, 2)), ["kind", "b"]), "kinds")
    with pytest.raises(DatasetError, match="has one column, 'a'; expected at least two"):
        find_targets(table_of_rows(np.ones((1, 1)), ["a"]), None)
    with pytest.raises(DatasetError, match="no other columns than those to predict"):
        find_targets(table_of_rows(np.ones((1, 2)), ["a", "b"]), "a,b")


def test_classes_are_sorted_and_rows_without_one_are_left_out():
    table = table_of_objects([{"y": value} for value in (10, 2, None, 10.0, "2")], "rows")

    codes, names, known = target_classes(table, "y")

    assert (codes.tolist(), names, known.tolist()) == ([1, 0, 1, 0], ("2", "10"), [True, True, False, True, True])


def test_labels_are_found_by_their_texts_or_numbers():
    column = np.array(["1.0", 2.0, "x", None, "y"], dtype=object)

    assert known_labels(column, ("1", "2", "x")).tolist() == [0, 1, 2, -1, -1]
    assert known_labels(np.array([1.0, 2.0]), ("1.0", "2.0")).tolist() == [0, 1]


@pytest.mark.parametrize("values", [np.linspace(0, 1, 50), np.arange(1900, 1960), [0.5, 1.5, 2.5, 3.5, 4.5, 6.5] * 9])
def test_measurements_look_like_numbers(values):
    assert looks_like_numbers(table_of_rows(np.array(values, dtype=float)[:, None], ["y"]), "y")


@pytest.mark.parametrize("values", [[0, 1] * 20, [0.5, 1.0, 1.5] * 5, np.arange(130) % 25, ["a", "2.5", "3.5"] * 9])
def test_classes_do_not_look_like_numbers(values):
    table = table_of_objects([{"y": value} for value in values], "rows")

    assert not looks_like_numbers(table, "y")


def test_rows_without_one_of_the_numbers_are_left_out(caplog: pytest.LogCaptureFixture):
    table = table_of_objects([{"a": 1.5, "b": "2"}, {"a": None, "b": 3}, {"a": 4, "b": 5.25}], "rows")

    numbers, known = target_numbers(table, ("a", "b"))

    assert numbers.tolist() == [[1.5, 2.0], [4.0, 5.25]]
    assert known.tolist() == [True, False, True]
    assert "1 of 3 rows of rows have no 'a', 'b'" in caplog.text
    with pytest.raises(DatasetError, match="row 1, column 'a' holds 'x'; expected a number"):
        target_numbers(table_of_objects([{"a": "x"}], "rows"), ("a",))
    with pytest.raises(DatasetError, match="no row has a number to predict in 'a'"):
        target_numbers(table_of_objects([{"a": None}], "rows"), ("a",))


def test_encoded_rows_are_checked():
    assert checked_rows(np.ones((2, 3)), "x").dtype == np.float32
    for wrong, sentence in (
        (np.ones(3), "expected numbers as"),
        (np.full((1, 2), 1e300), "row 1, feature 1 is not finite"),
    ):
        with pytest.raises(DatasetError, match=sentence):
            checked_rows(wrong, "x")


_VALUES = st.none() | st.floats(allow_nan=True, allow_infinity=False) | st.text(max_size=4) | st.booleans() | st.dates()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.fixed_dictionaries({"a": _VALUES, "b": _VALUES}), min_size=1, max_size=30))
def test_any_rows_become_finite_features_or_a_sentence(rows):
    table = table_of_objects(rows, "rows")
    try:
        found = fit_preprocessing(table, "y")
        features = encode_rows(table, found).features
    except DatasetError as error:
        refusal = str(error)
    else:
        refusal = "rows are taken"
        assert features.shape == (len(rows), found.features)
        assert np.isfinite(features).all()
        assert np.abs(features).max() <= 3.0001
        assert TablePreprocessing.decode(found.encode(), "stored") == found
        assert len(shown_rows(features, found)) == len(rows)
    assert refusal.startswith("rows")
