"""Data sets that several tests use."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepchord.shared.datasets import Dataset

NAMES = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=5)


@st.composite
def random_datasets(draw: st.DrawFn) -> Dataset:
    classes = draw(st.integers(2, 4))
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)))
    elements = {"u1": st.integers(0, 255), "f4": st.floats(-4, 4, width=32)}
    dtype = draw(st.sampled_from(sorted(elements)))
    y_train = np.array([*range(classes), *draw(st.lists(st.integers(0, classes - 1), max_size=3))])
    y_test = np.array(draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=3)))
    return Dataset(
        name="drawn",
        x_train=draw(hnp.arrays(dtype, (len(y_train), *shape), elements=elements[dtype])),
        y_train=y_train,
        x_test=draw(hnp.arrays(dtype, (len(y_test), *shape), elements=elements[dtype])),
        y_test=y_test,
        class_names=tuple(draw(st.lists(NAMES, min_size=classes, max_size=classes + 1, unique=True))),
        sample_weights_train=draw(st.none() | hnp.arrays("f4", len(y_train), elements=st.floats(0.125, 8, width=32))),
    )


def small_dataset(name: str = "small") -> Dataset:
    return Dataset(
        name=name,
        x_train=np.arange(120, dtype=np.uint8).reshape(6, 5, 4, 1),
        y_train=np.array([0, 1, 2, 0, 1, 2]),
        x_test=np.arange(60, dtype=np.uint8).reshape(3, 5, 4, 1),
        y_test=np.array([2, 1, 0]),
        class_names=("cat", "dog", "cow"),
    )


def assert_same(found: Dataset, expected: Dataset) -> None:
    assert (found.name, found.class_names) == (expected.name, expected.class_names)
    names = ["x_train", "y_train", "x_test", "y_test"]
    names += ["sample_weights_train"] if expected.sample_weights_train is not None else []
    assert (found.sample_weights_train is None) == (expected.sample_weights_train is None)
    for name in names:
        assert getattr(found, name).dtype == getattr(expected, name).dtype
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
