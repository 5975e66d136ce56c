"""Durations and moments as people type them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.command_line import parse_duration, parse_moment
from deepchord.shared.errors import InputError

NOW = datetime(2026, 5, 10, 3, 2, 1, tzinfo=UTC)


@given(number=st.integers(0, 99_999))
def test_a_duration_is_a_number_and_its_unit(number):
    minutes = [parse_duration(f"{number}{unit}", "--for") / timedelta(minutes=1) for unit in "mhdw"]

    assert minutes == [number, number * 60, number * 60 * 24, number * 60 * 24 * 7]


@pytest.mark.parametrize("text", ["", "5", "d", "-1d", "1.5d", "5 days", "1000000d", "٣d"])
def test_anything_else_is_refused_with_what_was_expected(text):
    with pytest.raises(
        InputError, match=r"^--for is .*: expected minutes, hours, days or weeks, 30m, 12h, 90d or 2w\.$"
    ):
        parse_duration(text, "--for")


@given(moment=st.datetimes(timezones=st.just(UTC)))
def test_a_moment_in_utc_is_read_with_and_without_its_zone(moment):
    assert parse_moment(moment.isoformat(), "--since", NOW) == moment
    assert parse_moment(moment.replace(tzinfo=None).isoformat(), "--since", NOW) == moment
    assert parse_moment("2d", "--since", NOW) == NOW - timedelta(days=2)
