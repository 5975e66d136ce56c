import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from deepchord.shared.uncertainty import area_under_roc, class_scores
from tests.shared.uncertainty.drawn import softmax


@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 12), images=st.integers(1, 60))
def test_scores_are_those_of_scikit_learn(seed: int, classes: int, images: int):
    generator = np.random.default_rng(seed)
    weights = generator.dirichlet(np.full(classes, 0.4))  # uneven: some classes are missing
    actual, predicted = generator.choice(classes, (2, images), p=weights)
    predicted = np.where(generator.random(images) < 0.6, actual, predicted)
    everyone, tested = np.arange(classes), np.unique(actual)

    found = class_scores(confusion_matrix(actual, predicted, labels=everyone))

    precision, recall, f1, support = precision_recall_fscore_support(
        actual, predicted, labels=everyone, zero_division=np.nan
    )
    is_tested = np.isin(everyone, tested)
    np.testing.assert_array_equal(found.support, support)
    np.testing.assert_allclose(found.precision, precision)
    np.testing.assert_allclose(found.recall, recall)
    # scikit-learn knows no precision of a class that is never predicted, but an F1 of 0 once it has images.
    np.testing.assert_allclose(found.f1[is_tested], np.nan_to_num(f1[is_tested]))
    assert np.isnan(found.f1[~is_tested]).all()
    assert np.isnan(found.recall[~is_tested]).all()
    expected = f1_score(actual, predicted, labels=tested, average="macro", zero_division=0)
    assert found.macro_f1 == pytest.approx(expected)
    if len(tested) > 1 and np.isin(predicted, tested).all():  # else scikit-learn warns
        assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(actual, predicted))
    assert found.balanced_accuracy == pytest.approx(np.nanmean(recall))


@given(seed=st.integers(0, 2**32 - 1), images=st.integers(2, 60), decimals=st.integers(1, 6))
def test_the_area_of_two_classes_is_that_of_scikit_learn(seed: int, images: int, decimals: int):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, images)
    of_second = softmax(generator.normal(size=(images, 2)))[:, 1].round(decimals)  # rounded: some are equal
    probabilities = np.stack([1 - of_second, of_second], axis=1)

    found = area_under_roc(probabilities, labels)

    if len(np.unique(labels)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(roc_auc_score(labels, of_second))


def test_more_than_two_classes_have_no_single_area():
    assert area_under_roc(np.full((4, 3), 1 / 3), np.array([0, 1, 2, 0])) is None


def test_a_class_without_images_counts_for_nothing():
    found = class_scores([[8, 2, 0], [1, 9, 0], [0, 0, 0]])

    assert found.balanced_accuracy == pytest.approx(0.85)
    assert found.macro_f1 == pytest.approx((16 / 19 + 18 / 21) / 2)
    assert np.isnan([found.precision[2], found.recall[2], found.f1[2]]).all()
