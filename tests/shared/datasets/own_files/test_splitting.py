import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.datasets import stratified_split
from deepchord.shared.errors import DatasetError


@given(
    classes=st.lists(st.integers(0, 4), min_size=1, max_size=60).map(lambda each: np.array(each, dtype=np.int64)),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
def test_each_class_keeps_its_share_and_is_trained_on(classes: np.ndarray, share: float, seed: int):
    kept = None
    try:
        kept = stratified_split(classes, share, seed)
    except DatasetError:
        assert np.bincount(classes).max() == 1

    if kept is not None:
        assert set(classes[~kept]) == set(classes)
        for code in np.unique(classes):
            assert abs(kept[classes == code].sum() - share * (classes == code).sum()) <= 2
        assert (stratified_split(classes, share, seed) == kept).all()


def test_too_few_images_are_refused():
    with pytest.raises(DatasetError, match="2 images or rows of 2 classes are too few to keep some for the test"):
        stratified_split(np.array([0, 1]), 0.5, 0)
