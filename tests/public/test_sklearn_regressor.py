"""The estimator of numbers among scikit-learn's own: its checks, pipelines and searches."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from deepchord.coordinator.running import close_kept_sessions
from deepchord.sklearn import DeepEnsembleRegressor
from tests.docs.documents import ROOT, code_blocks

#: Checks that scikit-learn skips without a library or a setting of its own.
_SKIPPED = {"check_array_api_input", "check_regressor_data_not_an_array"}
#: What an ensemble cannot do: a row that weighs nothing is a row, of which the test and the validations are drawn.
_WEIGHTS = {
    "check_sample_weight_equivalence_on_dense_data": "rows are drawn for the test and the validations by their number",
}


@pytest.fixture(autouse=True)
def _stopped_workers():
    yield
    close_kept_sessions()


def _small(**options):
    given = {"members": 2, "epochs": 15, "batch_size": 16, "workers": 1, "engine": "jax", "random_state": 1} | options
    return DeepEnsembleRegressor(**given)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_checks_of_scikit_learn_pass():
    results = check_estimator(_small(), on_fail=None, on_skip=None, expected_failed_checks=_WEIGHTS)

    wrong = {each["check_name"]: repr(each["exception"]) for each in results if each["status"] == "failed"}
    assert wrong == {}
    assert {each["check_name"] for each in results if each["status"] == "skipped"} <= _SKIPPED
    assert sum(each["status"] == "passed" for each in results) > 45


@pytest.mark.slow
def test_it_predicts_in_pipelines_cross_validations_and_searches():
    (example,) = [each for each in code_blocks(ROOT / "docs" / "scikit_learn.md", "python") if "Regressor" in each]
    shown = {}
    exec(compile(example, "scikit_learn.md", "exec"), shown)
    features, numbers = load_diabetes(return_X_y=True)

    pipeline = make_pipeline(StandardScaler(), _small())
    search = GridSearchCV(pipeline, {"deepensembleregressor__epochs": [1, 15]}, cv=2, n_jobs=1).fit(features, numbers)
    crossed = cross_val_predict(_small(), features, numbers, cv=2)

    assert search.best_params_ == {"deepensembleregressor__epochs": 15}
    assert np.corrcoef(crossed, numbers)[0, 1] > 0.5
    mean, deviation = search.best_estimator_.predict(features, return_std=True)
    assert mean.shape == deviation.shape == numbers.shape
    assert (deviation > 0).all()


@pytest.mark.slow
def test_several_numbers_keep_their_shape_and_a_pickle_needs_no_storage(tmp_path):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"size": generator.normal(size=200), "colour": np.array(["red", "blue"])[np.arange(200) % 2]})
    numbers = np.stack([3 * frame["size"] + np.arange(200) % 2, 100 - frame["size"]], axis=1)
    weights = np.where(np.arange(200) < 150, 1.0, 0.5)

    fitted = _small(storage=str(tmp_path / "storage"), epochs=40).fit(frame, numbers, sample_weight=weights)
    again = pickle.loads(pickle.dumps(fitted))
    (tmp_path / "storage").rename(tmp_path / "gone")

    mean, deviation = again.predict(frame, return_std=True)
    lower, upper = again.predict_interval(frame, 0.8)
    assert mean.shape == deviation.shape == lower.shape == upper.shape == (200, 2)
    assert ((lower < mean) & (mean < upper)).all()
    np.testing.assert_array_equal(mean, fitted.predict(frame))
    assert again.score(frame, numbers) > 0.7
    assert again.evaluation_.task == "regression"
    assert again.predict_uncertainty(frame, members=True).members.shape == (2, 200, 2)
    with pytest.raises(ValueError, match="level of intervals is 80; expected a share between 0 and 1"):
        again.predict_interval(frame, 80)


@pytest.mark.parametrize(
    ("options", "numbers", "sentence"),
    [
        ({"epochs": 0}, [0.5, 1.5], "epochs"),
        ({"label_smoothing": 0.1}, [0.5, 1.5], "label_smoothing"),
        ({}, [3.0, 3.0], "all training rows have the same number to predict"),
        ({}, [np.nan, 3.0], "NaN"),
    ],
)
def test_what_cannot_be_trained_is_a_value_error(options, numbers, sentence):
    rows = np.random.default_rng(0).normal(size=(20, 3))

    with pytest.raises(ValueError, match=sentence):
        _small(**options).fit(rows, np.array(numbers * 10))


def test_it_is_cloned_and_refuses_to_predict_before_it_is_fitted():
    estimator = _small(beta_nll=0.5)

    assert clone(estimator).get_params() == estimator.get_params()
    with pytest.raises(NotFittedError):
        estimator.predict(np.zeros((2, 3)))
