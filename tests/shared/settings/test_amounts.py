"""What people write with a unit."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.errors import InputError
from deepchord.shared.settings import Hours, load_settings
from deepchord.shared.settings.amounts import seconds, size_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1.5 h", 5400), ("1d", 86400), ("12", 12), (7, 7)],
)
def test_a_duration_has_a_unit_or_is_in_seconds(text, expected):
    assert load_settings(end_after_s=text).end_after_s == expected


@given(parts=st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)).filter(any))
def test_the_parts_of_a_duration_add_up(parts):
    hours, minutes, rest = parts

    assert seconds(f"{hours}h{minutes}m{rest}s") == 3600 * hours + 60 * minutes + rest


@pytest.mark.parametrize(
    ("text", "expected"), [("4GB", 4 * 10**9), ("512MiB", 2**29), ("100000000", 10**8), (10**8, 10**8)]
)
def test_a_size_has_a_unit_or_is_in_bytes(text, expected):
    assert load_settings(memory_limit_bytes=text).memory_limit_bytes == expected


@given(text=st.text(max_size=30))
def test_no_text_is_a_size_or_a_duration_by_chance(text):
    for read in (seconds, size_bytes):
        try:
            amount = read(text)
        except ValueError as error:
            said = str(error)
        else:
            assert isinstance(amount, int | float)
            continue
        assert said.startswith("expected a ")


def test_hours_are_written_in_one_way():
    assert load_settings(hours="7:05 - 19:00").hours == "07:05-19:00"
    assert Hours.parse("22:30-06:00") == Hours(start=time(22, 30), end=time(6))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "hours",
            "25:00-07:00",
            r"HOURS .*--hours\) is not valid: expected two times of day such as 19:00-07:00, found '25",
        ),
        ("hours", "7-19", "HOURS .* is not valid: expected two times of day"),
        ("hours", "07:00-07:00", "expected two different times of day, found 07:00 twice"),
        ("end_after_s", "2x", r"END_AFTER_S \(or option --for\) is not valid: expected a duration .*1h30m, found '2x'"),
        ("end_after_s", "0s", "END_AFTER_S .* greater than 0"),
        ("end_after_members", 0, r"END_AFTER_MEMBERS \(or option --members\) .*equal to 1"),
        (
            "memory_limit_bytes",
            "lots",
            r"MEMORY_LIMIT_BYTES \(or option --memory-limit\) .*4GB or 512MiB, found 'lots'",
        ),
        ("memory_limit_bytes", "1kB", "MEMORY_LIMIT_BYTES .*greater than or equal to 67108864"),
        ("memory_limit_bytes", "1" * 400, "MEMORY_LIMIT_BYTES .*expected a size"),
        ("nice", 20, r"NICE \(or option --nice\) .*equal to 19"),
        ("load_limit", 0, "LOAD_LIMIT .*greater than 0"),
    ],
)
def test_what_is_no_such_amount_is_refused_in_one_sentence(name, value, sentence):
    with pytest.raises(InputError, match=sentence):
        load_settings(**{name: value})
