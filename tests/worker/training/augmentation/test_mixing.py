import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.messages import Recipe
from deepchord.worker.training.augmentation import LabelledImages, mixed


def recipe(**changes: object) -> Recipe:
    values = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 16, "epochs": 4}
    return Recipe.model_validate({**values, "validation_fraction": 0.2, "patience": 1, **changes})


def ones_and_zeros(size: int, height: int = 8, width: int = 6) -> LabelledImages:
    """Images of class 1 are white, those of class 0 black."""
    labels = np.arange(size) % 2
    images = np.ones((size, height, width, 1), np.float32) * labels[:, None, None, None]
    return LabelledImages(images.astype(np.float32), labels)


@given(
    size=st.integers(1, 40),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    mixup=st.sampled_from([0.0, 0.2, 1.0]),
    cutmix=st.sampled_from([0.0, 0.2, 1.0]),
    seed=st.integers(0, 1000),
)
def test_labels_are_mixed_in_the_shares_of_the_images(
    size: int, height: int, width: int, mixup: float, cutmix: float, seed: int
):
    batch, how = ones_and_zeros(size, height, width), recipe(mixup=mixup, cutmix=cutmix)

    found = mixed(batch, how, 2, np.random.default_rng(seed))

    assert found.images.dtype == np.float32
    assert found.images.shape == batch.images.shape
    if not (mixup or cutmix):
        assert found is batch
        return
    assert found.labels.dtype == np.float32
    np.testing.assert_allclose(found.labels.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found.images.mean(axis=(1, 2, 3)), found.labels[:, 1], atol=1e-5)
    again = mixed(batch, how, 2, np.random.default_rng(seed))
    np.testing.assert_array_equal(again.images, found.images)
    np.testing.assert_array_equal(again.labels, found.labels)


def test_a_pasted_rectangle_is_one():
    found = mixed(ones_and_zeros(400), recipe(cutmix=1.0), 2, np.random.default_rng(1)).images[..., 0]

    assert set(np.unique(found)) == {0, 1}
    pasted = [np.where(one == one[0, 0], 0, 1) for one in found if 0 < one.mean() < 1]
    assert len(pasted) > 50
    for one in pasted:
        rows, columns = one.any(axis=1), one.any(axis=0)
        inverse = 1 - one
        assert np.array_equal(one, np.outer(rows, columns)) or np.array_equal(
            inverse, np.outer(inverse.any(axis=1), inverse.any(axis=0))
        )


def test_with_both_each_batch_draws_one_of_them():
    generator = np.random.default_rng(0)

    kinds = [
        set(np.unique(mixed(ones_and_zeros(40), recipe(mixup=1.0, cutmix=1.0), 2, generator).images)) <= {0, 1}
        for _ in range(60)
    ]

    assert 15 < sum(kinds) < 45


@pytest.mark.parametrize("alpha", [0.1, 5.0])
def test_a_small_alpha_mixes_little(alpha: float):
    found = mixed(ones_and_zeros(2000), recipe(mixup=alpha), 2, np.random.default_rng(0)).labels.max(axis=1)

    assert np.mean(found > 0.95) == pytest.approx(0.9 if alpha < 1 else 0.5, abs=0.06)


def test_rows_of_features_are_mixed_too():
    rows = LabelledImages(np.eye(6, dtype=np.float32), np.arange(6) % 3)

    found = mixed(rows, recipe(mixup=1.0), 3, np.random.default_rng(0))

    np.testing.assert_allclose(found.images.sum(axis=1), 1, atol=1e-6)
