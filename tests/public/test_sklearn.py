"""The estimator among scikit-learn's own: its checks, pipelines, searches, and MAPIE."""

import inspect
import pickle
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from mapie.classification import SplitConformalClassifier
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from deepchord.coordinator.local import live_sessions
from deepchord.coordinator.running import close_kept_sessions
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from deepchord.sklearn import DeepEnsembleClassifier, DeepEnsembleRegressor
from deepchord.training import RecipeOptions
from tests.docs.documents import ROOT, code_blocks

#: Checks that scikit-learn skips without a library or a setting of its own.
_SKIPPED = {"check_array_api_input", "check_classifier_data_not_an_array"}


@pytest.fixture(autouse=True)
def _stopped_workers():
    yield
    close_kept_sessions()


def _small(**options):
    given = {"members": 2, "epochs": 15, "batch_size": 16, "workers": 1, "engine": "jax", "random_state": 1} | options
    return DeepEnsembleClassifier(**given)


def _flowers():
    """Return the measures of 150 irises and the names of their kinds."""
    data = load_iris()
    return data.data, data.target_names[data.target]


def test_its_parameters_are_the_options_of_a_recipe():
    own = {"test_fraction", "random_state", "broker", "storage", "engine", "device", "workers", "threads", "show"}

    found = set(inspect.signature(DeepEnsembleClassifier).parameters)

    of_files = {"image_size", "skip_damaged", "test_share", "split_seed", "header"}
    assert found == (set(RecipeOptions.__annotations__) - {"seed", "task"} - of_files) | own
    assert found == set(inspect.signature(DeepEnsembleRegressor).parameters)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_checks_of_scikit_learn_pass():
    results = check_estimator(_small(), on_fail=None, on_skip=None)

    wrong = {each["check_name"]: repr(each["exception"]) for each in results if each["status"] == "failed"}
    assert wrong == {}
    assert {each["check_name"] for each in results if each["status"] == "skipped"} <= _SKIPPED
    assert sum(each["status"] == "passed" for each in results) > 45


@pytest.mark.slow
def test_it_takes_its_place_in_pipelines_cross_validations_and_searches():
    features, names = _flowers()
    (example,) = [each for each in code_blocks(ROOT / "docs" / "scikit_learn.md", "python") if "Classifier" in each]
    shown: dict[str, Any] = {}
    exec(compile(example, "scikit_learn.md", "exec"), shown)

    pipeline = make_pipeline(StandardScaler(), _small())
    search = GridSearchCV(pipeline, {"deepensembleclassifier__epochs": [1, 15]}, cv=2, n_jobs=1)
    search.fit(features, names)

    assert (shown["predicted"] == names).mean() > 0.85
    assert search.best_params_ == {"deepensembleclassifier__epochs": 15}
    assert search.best_estimator_.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    # Each fit is a run of its own: three of the example, four of the search and its last.
    runs = RunStore.open(load_settings()).run_ids()
    assert len(runs) == 8


@pytest.mark.slow
def test_it_is_pickled_by_content_and_calibrated_by_mapie(tmp_path):
    features, names = _flowers()
    features = StandardScaler().fit_transform(features)
    fitted = _small(storage=str(tmp_path / "storage"), epochs=30).fit(features[::2], names[::2])

    again = pickle.loads(pickle.dumps(fitted))
    (tmp_path / "storage").rename(tmp_path / "gone")
    sets = SplitConformalClassifier(again, confidence_level=0.9, prefit=True).conformalize(features[1::4], names[1::4])
    _, held = sets.predict_set(features[3::4])

    np.testing.assert_array_equal(again.predict_proba(features), fitted.predict_proba(features))
    assert again.score(features[1::2], names[1::2]) > 0.85
    assert again.run_id_ == fitted.run_id_
    assert len(again.ensemble_.members[1].weights()) > 0
    columns = {name: number for number, name in enumerate(again.classes_)}
    in_set = held[np.arange(len(held)), [columns[name] for name in names[3::4]], 0]
    assert in_set.mean() > 0.8


@pytest.mark.slow
def test_images_are_trained_on_as_images_and_their_uncertainty_is_told():
    generator = np.random.default_rng(0)
    kinds = generator.integers(0, 2, 200)
    images = generator.integers(0, 60, (200, 6, 6), dtype=np.uint8)
    images[kinds == 1, :, :3] += 150
    layers = [{"type": "flatten"}, {"type": "dense", "units": "classes", "activation": "softmax"}]

    fitted = _small(layers=layers, learning_rate=0.02, preset="quick", random_state=None).fit(images, kinds)

    assert fitted.score(images, kinds) > 0.9
    found = fitted.predict_uncertainty(images[:5], members=True)
    assert found.members.shape == (2, 5, 2)
    assert fitted.ensemble_.description.dataset.pixels.type == "uint8"
    with pytest.raises(ValueError, match="the networks take 6x6x1"):
        fitted.predict(images[:, :, :5])


@pytest.mark.slow
def test_data_frames_keep_their_texts_dates_and_gaps():
    generator = np.random.default_rng(0)
    kinds = generator.integers(0, 2, 120)
    size = np.where(generator.random(120) < 0.1, np.nan, kinds + generator.normal(0, 0.2, 120))
    frame = pd.DataFrame({"size": size, "colour": np.array(["red", "blue"])[kinds], "seen": pd.Timestamp("2026-01-01")})
    frame.loc[::7, "seen"] = pd.Timestamp("2026-03-01")

    fitted = _small().fit(frame[:100], kinds[:100])

    assert fitted.score(frame[100:], kinds[100:]) > 0.8
    assert (fitted.n_features_in_, fitted.feature_names_in_.tolist()) == (3, ["size", "colour", "seen"])
    assert fitted.ensemble_.description.dataset.table.names == ("size", "colour", "seen")
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame.rename(columns={"size": "length"}))


@pytest.mark.parametrize(
    ("options", "classes", "sentence"),
    [
        ({"epochs": 0}, [0, 1], "epochs"),
        ({"optimizer": "best"}, [0, 1], "optimizer"),
        ({"test_fraction": 2.0}, [0, 1], "test is 2.0; expected"),
        ({}, [0.5, 1.5], "Unknown label type"),
        ({}, [3, 3], r"needs at least 2 classes; y holds 1 class"),
    ],
)
def test_what_cannot_be_trained_is_a_value_error(options, classes, sentence):
    rows = np.random.default_rng(0).normal(size=(20, 3))

    with pytest.raises(ValueError, match=sentence):
        _small(**options).fit(rows, np.array(classes * 10))


def test_it_is_cloned_and_refuses_to_predict_before_it_is_fitted():
    estimator = _small(layers=[{"type": "flatten"}])

    assert clone(estimator).get_params() == estimator.get_params()
    with pytest.raises(NotFittedError):
        estimator.predict(np.zeros((2, 3)))
    with pytest.raises(TypeError, match="sample_weight"):
        estimator.fit(np.zeros((2, 3)), [0, 1], sample_weight=[1, 2])


@pytest.mark.slow
def test_workers_stay_for_the_next_fit_and_go_when_they_are_told():
    features, names = _flowers()
    settings, estimator = load_settings(), _small(epochs=1)

    first = estimator.fit(features, names).run_id_
    (kept,) = live_sessions(settings)
    second = estimator.fit(features, names).run_id_
    (again,) = live_sessions(settings)
    _small(epochs=1, members=3).fit(features, names)
    (other,) = live_sessions(settings)
    close_kept_sessions()

    assert (kept.run_id, again.run_id) == (first, second)
    assert again.broker == kept.broker
    assert other.broker != kept.broker, "more members may want more workers"
    assert live_sessions(settings) == []
    assert not any(psutil.pid_exists(each.pid) for each in (*kept.processes, *other.processes))
