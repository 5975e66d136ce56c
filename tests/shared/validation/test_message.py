import contextlib
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from deepchord.shared.errors import InputError, MessageDecodeError
from deepchord.shared.validation import Message, suggestion


class Point(Message):
    across: int = Field(ge=0, le=10)
    height: float = 1.0


class Drawing(Message):
    points: tuple[Point, ...] = ()


@given(across=st.integers(0, 10), height=st.floats(allow_nan=False, allow_infinity=False))
def test_a_message_comes_back_from_json_as_it_was(across, height):
    message = Point(across=across, height=height)

    assert Point.decode(message.encode(), "there") == message


def test_a_message_cannot_be_changed():
    message = Point(across=1)

    with pytest.raises(ValidationError, match="frozen"):
        message.across = 2


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"acros": 1}, r"there: unknown option 'acros'; did you mean 'across'\?"),
        ({"zzz": 1}, r"there: unknown option 'zzz'; valid are across, height\."),
        ({}, r"there: across: field required\."),
        ({"across": 11}, r"there: across: input should be less than or equal to 10, found 11\."),
        ({"across": "one"}, r"there: across: input should be a valid integer.*, found 'one'\."),
        ({"across": 1, "height": float("nan")}, r"there: height: input should be a finite number, found nan\."),
        ([1], r"there: input should be a valid dictionary.*, found \[1\]\."),
    ],
)
def test_a_field_that_is_wrong_is_named_with_what_was_found(data, sentence):
    with pytest.raises(InputError, match=f"^{sentence}$"):
        Point.parse(data, "there", InputError)


def test_a_field_deep_inside_is_named_with_its_place():
    with pytest.raises(MessageDecodeError, match=r"points\.1\.across: .*found -1"):
        Drawing.decode(b'{"points": [{"across": 1}, {"across": -1}]}', "there")


def test_an_unknown_field_deep_inside_names_the_nearest():
    with pytest.raises(MessageDecodeError, match=r"points\.0: unknown option 'hight'; did you mean 'height'\?"):
        Drawing.decode(b'{"points": [{"across": 1, "hight": 2}]}', "there")


def test_a_long_value_is_cut_short_in_the_error():
    with pytest.raises(InputError) as caught:
        Point.parse({"across": "x" * 10_000}, "there", InputError)

    assert len(str(caught.value)) < 250


@given(data=st.binary(max_size=64) | st.text(max_size=64) | st.just(b"[" * 100_000) | st.just(pickle.dumps(print)))
def test_whatever_is_decoded_gives_a_message_or_a_decode_error(data):
    with contextlib.suppress(MessageDecodeError):
        assert isinstance(Point.decode(data, "there"), Point)


@given(name=st.text(max_size=20), valid=st.sets(st.text(min_size=1, max_size=20), min_size=1, max_size=5))
def test_the_hint_names_only_what_is_valid(name, valid):
    hint = suggestion(name, valid)

    assert any(option in hint or repr(option) in hint for option in valid)
    assert hint.startswith(("; did you mean '", "; valid are "))
