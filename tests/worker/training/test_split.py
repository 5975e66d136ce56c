import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.errors import InputError
from deepchord.worker.training import split


@given(size=st.integers(2, 300), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 2**32 - 1))
def test_a_split_takes_every_image_once_into_one_of_two_parts(size: int, fraction: float, seed: int):
    try:
        training, validation = split(size, fraction, seed)
    except InputError:
        assert int(size * (1 - fraction)) == 0 or size - int(np.ceil(size * fraction)) == 0
        return

    assert sorted([*training, *validation]) == list(range(size))
    assert len(validation) == int(np.ceil(size * fraction))


def test_a_fifth_of_the_images_is_held_out():
    training, validation = split(60_000, 0.2, 1)

    assert (len(training), len(validation)) == (48_000, 12_000)


def test_the_same_seed_splits_alike_and_another_seed_otherwise():
    first, again, other = (split(100, 0.2, seed)[1].tolist() for seed in (1, 1, 2))

    assert first == again
    assert sorted(first) != sorted(other)


def test_the_split_of_a_seed_is_the_same_on_every_host_and_in_every_version():
    training, validation = split(10, 0.2, 7)

    assert validation.tolist() == [8, 5]
    assert training.tolist() == [0, 2, 1, 9, 7, 3, 6, 4]


@pytest.mark.parametrize(("size", "fraction"), [(1, 0.5), (0, 0.5), (2, 0.9)])
def test_a_split_that_leaves_a_part_empty_says_what_to_change(size: int, fraction: float):
    with pytest.raises(InputError, match=rf"{size} training images .* validation_fraction = {fraction}"):
        split(size, fraction, 1)
