import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.classification import SplitConformalClassifier
from sklearn.base import BaseEstimator, ClassifierMixin

from deepchord.shared.uncertainty import (
    ConformalMethod,
    class_thresholds,
    conformal_scores,
    conformal_sets,
    marginal_threshold,
    set_coverage,
)
from tests.shared.uncertainty.drawn import Drawn, calibrated, predictions

METHODS: tuple[ConformalMethod, ...] = ("lac", "aps")


class Table(ClassifierMixin, BaseEstimator):
    """Takes the probabilities themselves for images."""

    classes_ = np.arange(10)
    is_fitted_ = True

    def fit(self, images: np.ndarray, labels: np.ndarray) -> "Table":
        return self

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        return images

    def predict(self, images: np.ndarray) -> np.ndarray:
        return images.argmax(axis=1)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("method", METHODS)
def test_sets_contain_the_actual_class_as_often_as_wanted(method: ConformalMethod, level: float):
    (probabilities, labels), (others, actual) = calibrated(4_000, seed=1), calibrated(20_000, seed=2)
    scores, of_others = conformal_scores(probabilities, method), conformal_scores(others, method)

    marginal = conformal_sets(of_others, (marginal_threshold(scores, labels, level),))
    by_class = conformal_sets(of_others, class_thresholds(scores, labels, level))

    assert set_coverage(marginal, actual) == pytest.approx(level, abs=0.015)
    assert set_coverage(by_class, actual) == pytest.approx(level, abs=0.015)
    for label in range(10):
        assert set_coverage(by_class[actual == label], actual[actual == label]) >= level - 0.05


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_thresholds_agree_with_mapie(level: float):
    (probabilities, labels), (others, _) = calibrated(1_000, seed=1), calibrated(500, seed=2)
    mapie = SplitConformalClassifier(Table(), confidence_level=level, conformity_score="lac", prefit=True)
    mapie.conformalize(probabilities.astype(np.float64), labels)
    _, theirs = mapie.predict_set(others.astype(np.float64))

    scores = conformal_scores(probabilities, "lac")
    ours = conformal_sets(conformal_scores(others, "lac"), (marginal_threshold(scores, labels, level),))

    assert (ours != theirs[:, :, 0]).mean() < 2e-4  # the class at the threshold itself, by rounding


@given(drawn=predictions(), level=st.floats(0.05, 0.95))
def test_the_wanted_share_of_the_calibration_images_themselves_is_covered(drawn: Drawn, level: float):
    probabilities, labels = drawn
    for method in METHODS:
        scores = conformal_scores(probabilities, method)
        for thresholds in ((marginal_threshold(scores, labels, level),), class_thresholds(scores, labels, level)):
            assert set_coverage(conformal_sets(scores, thresholds), labels) >= level - 1e-9


@given(drawn=predictions())
def test_a_more_probable_class_has_no_higher_score(drawn: Drawn):
    probabilities, _ = drawn
    for method in METHODS:
        scores = conformal_scores(probabilities, method)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        assert (np.diff(np.take_along_axis(scores, order, axis=1), axis=1) >= 0).all()


def test_with_too_few_calibration_images_every_class_is_in_the_set():
    probabilities, labels = calibrated(9)
    scores = conformal_scores(probabilities, "lac")

    assert marginal_threshold(scores, labels, 0.9) is not None
    assert marginal_threshold(scores[:8], labels[:8], 0.9) is None
    assert class_thresholds(scores, np.zeros(9, int), 0.9)[1:] == (None,) * 9
    assert conformal_sets(scores, (None,)).all()
