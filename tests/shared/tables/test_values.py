"""Columns as numbers, truth values, texts and dates."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.errors import DatasetError
from deepchord.shared.tables.dates import cycles, date_of_text, days, has_time
from deepchord.shared.tables.values import as_booleans, as_dates, as_numbers, as_texts, missing_rows


def objects(*values: object) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def test_numbers_are_read_from_all_that_tells_them():
    found = as_numbers(objects(1, 2.5, "3e1", True, None, " NA ", np.float32(4)), "age", "rows")

    np.testing.assert_array_equal(found, [1, 2.5, 30, 1, np.nan, np.nan, 4])


@pytest.mark.parametrize("value", ["x", "1_000", [1], "1,5"])
def test_what_is_no_number_is_refused_with_its_place(value):
    with pytest.raises(DatasetError, match=r"rows: row 2, column 'age' holds .*; expected a number"):
        as_numbers(objects(1, value), "age", "rows")


@pytest.mark.parametrize("value", [float("inf"), "-inf", 10**400])
def test_what_is_infinite_is_refused_with_its_place(value):
    with pytest.raises(DatasetError, match=r"row 3, column 'age' holds .*; expected a finite number"):
        as_numbers(objects(1, 2, value), "age", "rows")


def test_truth_values_have_several_words():
    values, missing = as_booleans(objects("yes", "False", True, 0, None), "ok", "rows")

    assert (values.tolist(), missing.tolist()) == ([True, False, True, False, False], [False] * 4 + [True])
    with pytest.raises(DatasetError, match="row 1, column 'ok' holds 'maybe'; expected true or false"):
        as_booleans(objects("maybe"), "ok", "rows")


def test_texts_are_the_same_whatever_a_value_was_read_as():
    assert as_texts(objects("a ", 1, 1.0, 2.5, True, None)).tolist() == ["a", "1", "1", "2.5", "true", None]
    assert as_texts(np.array([1.0, np.nan])).tolist() == ["1", None]


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2026-01-31", "2026-01-31T00:00"),
        ("2026/1/3 7:05", "2026-01-03T07:05"),
        ("31.1.2026", "2026-01-31T00:00"),
        ("1/31/2026", "2026-01-31T00:00"),
        ("2026-01-31T23:30:01.25+02:00", "2026-01-31T21:30:01.250"),
        ("2026-01-31T23:30Z", "2026-01-31T23:30"),
    ],
)
def test_dates_are_read_as_people_write_them(text, date):
    assert date_of_text(text) == np.datetime64(date)


@pytest.mark.parametrize(
    "text", ["31/1/2026", "2026-02-30", "2026", "1.5", "", "2026-01-01T25:00", "0001-01-01T00:00+23:00"]
)
def test_what_is_no_date_is_none(text):
    assert date_of_text(text) is None


def test_dates_of_python_and_numpy_are_dates():
    zone = dt.timezone(dt.timedelta(hours=1))
    given_dates = objects(
        dt.date(2026, 1, 1), dt.datetime(2026, 1, 1, 1, tzinfo=zone), np.datetime64("2026-01-01"), None
    )

    found = as_dates(given_dates, "when", "rows")

    assert found[:3].tolist() == [dt.datetime(2026, 1, 1)] * 3
    assert np.isnat(found[3])
    with pytest.raises(DatasetError, match="row 1, column 'when' holds 'soon'; expected a date"):
        as_dates(objects("soon"), "when", "rows")


def test_dates_become_days_and_places_on_circles():
    dates = np.array(["1970-01-02T06:00", "NaT"], dtype="datetime64[us]")

    numbers = days(dates)
    features = cycles(numbers, with_time=has_time(dates))

    np.testing.assert_array_equal(numbers, [1.25, np.nan])
    np.testing.assert_allclose(features[0, 4:], [1, 0], atol=1e-12)  # six o'clock is a quarter of the day
    np.testing.assert_array_equal(features[1], np.zeros(6))
    assert not has_time(dates.astype("datetime64[D]").astype("datetime64[us]"))


@given(st.lists(st.none() | st.floats() | st.text(max_size=5) | st.booleans() | st.integers(), min_size=1))
def test_a_column_of_anything_is_texts_or_numbers_or_a_sentence(values):
    column = objects(*values)

    texts, missing = as_texts(column), missing_rows(column)
    assert [text is None for text in texts] == missing.tolist()
    try:
        numbers = as_numbers(column, "a", "rows")
    except DatasetError as error:
        refusal = str(error)
    else:
        refusal = "rows: row 1 is taken"
        np.testing.assert_array_equal(np.isnan(numbers), missing)
    assert refusal.startswith("rows: row ")
