"""What the first line of a CSV file is where it looks like names and like a row."""

import logging
import re

import pytest

from deepchord.shared.tables import read_table

ROWS = "4.9,3.0,1.3\n5.8,3.5,1.7\n5.4,3.9,1.5\n"


@pytest.mark.parametrize(
    ("first", "is_row", "said"),
    [
        ("5.1,oops,1.4", True, "taken for a row: 'oops' stands above numbers or dates, but '5.1' is like the values"),
        ("5.1,width,depth", False, "taken for the names of the columns: 'width' stands above .* Give --no-header"),
        ("5,width,9", False, "taken for the names of the columns: 'width' stands above"),
        ("1990,1991,rate", False, ""),
        ("length,width,depth", False, ""),
        ("5.1,?,1.4", True, ""),
    ],
)
def test_more_numbers_like_those_below_than_names_make_a_row_and_what_is_not_sure_is_said(
    caplog: pytest.LogCaptureFixture, first: str, is_row: bool, said: str
):
    with caplog.at_level(logging.WARNING):
        found = read_table(f"{first}\n{ROWS}".encode(), "few.csv")

    assert found.size == (4 if is_row else 3)
    assert [record.action for record in caplog.records] == (["header_guessed"] if said else [])
    assert re.search(said, caplog.text)


@pytest.mark.parametrize(("header", "wanted", "size"), [(False, (), 4), (True, (), 3), (False, ("5.1", "oops"), 3)])
def test_who_says_it_is_not_contradicted_unless_all_wanted_names_are_there(
    caplog: pytest.LogCaptureFixture, header: bool, wanted: tuple[str, ...], size: int
):
    assert read_table(f"5.1,oops,7\n{ROWS}".encode(), "few.csv", header=header, wanted=wanted).size == size
    assert not caplog.records
