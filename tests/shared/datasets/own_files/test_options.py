import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.datasets import parse_size
from deepchord.shared.errors import InputError


@given(height=st.integers(1, 4096), width=st.integers(1, 4096))
def test_a_size_is_read_as_it_is_written(height: int, width: int):
    assert parse_size(f"{height}x{width}") == (height, width)
    assert parse_size(str(height)) == (height, height)


@pytest.mark.parametrize("text", ["", "x", "0", "-3", "4097", "3x", "3x4x5", "1.5", "wide", "²", "9" * 5000])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(InputError, match=r"expected a number of pixels, 64, or height and width, 48x64"):
        parse_size(text)
