"""An ensemble that predicts numbers, loaded from a run, a folder and a file."""

import copy
import json
import pickle
from dataclasses import fields

import numpy as np
import pytest

import deepchord
from deepchord.ensemble.answers import Question
from deepchord.shared.checkpoints import decode_ensemble_predictions
from deepchord.shared.datasets import load_dataset
from deepchord.shared.errors import InputError, MessageDecodeError
from deepchord.shared.messages import EnsembleDescription
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from tests.ensemble.conftest import RUN, houses


@pytest.fixture(scope="session")
def evaluated(number_storage):
    """The evaluation, what it stored about the test rows, and the data set."""
    settings = load_settings(storage=str(number_storage))
    store = RunStore.open(settings)
    run, evaluation = store.last_evaluation(store.run(RUN))
    stored = store.evaluation(run).predictions(evaluation.predictions_sha256)
    return evaluation, decode_ensemble_predictions(stored, "it").test, load_dataset(run.dataset, store, settings.cache)


def test_predictions_are_those_of_the_evaluation_with_its_scaling(valuer, evaluated):
    evaluation, expected, dataset = evaluated
    scaled = expected.scaled(evaluation.scaling.factors)

    found = valuer.answers.answer(dataset.x_test, Question())

    unit = scaled.standard_deviation
    np.testing.assert_allclose((found.mean - expected.mean) / unit, 0, atol=1e-5)
    np.testing.assert_allclose((found.standard_deviation - unit) / unit, 0, atol=1e-5)
    np.testing.assert_allclose(
        (found.aleatoric_standard_deviation - scaled.aleatoric_variance**0.5) / unit, 0, atol=1e-5
    )
    np.testing.assert_allclose(
        (found.epistemic_standard_deviation - scaled.epistemic_variance**0.5) / unit, 0, atol=1e-4
    )
    assert found.target_names == valuer.target_names == ("price", "built")


def test_intervals_hold_as_many_test_rows_as_the_evaluation_measured(valuer, evaluated):
    evaluation, _, dataset = evaluated
    found = valuer.answers.answer(dataset.x_test, Question())

    assert {each.method for each in evaluation.intervals} == {"predicted", "scaled", "conformal"}
    for each in evaluation.intervals:
        lower, upper = found.intervals(each.level, method=each.method)
        inside = (lower <= dataset.y_test) & (dataset.y_test <= upper)
        assert inside.mean(axis=0) == pytest.approx(each.coverage, abs=1.5 / len(inside))
        assert (upper - lower).mean(axis=0) == pytest.approx(each.mean_width, rel=1e-4)


def test_the_usual_intervals_are_conformal_where_the_run_has_them_and_normal_at_any_other_level(valuer):
    found = valuer.predict(houses(50, 3))

    assert [found.interval_method(level) for level in (0.5, 0.8, 0.9, 0.95, 0.6)] == ["conformal"] * 4 + ["scaled"]
    np.testing.assert_array_equal(found.intervals(0.9), found.intervals(0.9, method="conformal"))
    lower, upper = found.intervals(0.6827, method="scaled")
    np.testing.assert_allclose(upper - lower, 2 * found.standard_deviation, rtol=1e-3)
    with pytest.raises(InputError, match=r"no conformal intervals of level 0\.6; it has them for 0\.5, 0\.8, 0\.9"):
        found.intervals(0.6, method="conformal")
    with pytest.raises(InputError, match=r"level of intervals is 90; expected a share between 0 and 1"):
        found.intervals(90)
    with pytest.raises(InputError, match=r"method of intervals is 'best'; expected one of predicted, scaled, conf"):
        found.intervals(method="best")


def test_a_run_without_held_out_rows_has_the_members_own_deviations(valuer):
    regression = valuer.description.regression
    bare = regression.model_copy(update={"scaling": None, "scaled_test": (), "intervals": regression.intervals[:4]})
    source = copy.copy(valuer._source)
    object.__setattr__(source, "description", valuer.description.model_copy(update={"regression": bare}))

    found, scaled = type(valuer)(source).predict(houses(9, 3)), valuer.predict(houses(9, 3))

    factors = np.sqrt(regression.scaling.factors)
    np.testing.assert_allclose(found.standard_deviation * factors, scaled.standard_deviation)
    assert found.interval_method(0.9) == "predicted"
    np.testing.assert_allclose(found.intervals(0.9), scaled.intervals(0.9, method="predicted"))
    with pytest.raises(InputError, match="has no scaled intervals: it held no rows out"):
        found.intervals(0.9, method="scaled")


@pytest.mark.parametrize("given", ["frame", "csv", "objects"])
def test_rows_are_taken_as_for_classes(valuer, tmp_path, given):
    frame = houses(300, 3)
    rows = {"frame": frame, "objects": json.loads(frame[["rooms", "area"]].to_json(orient="records"))}.get(given)
    if given == "csv":
        frame.to_csv(tmp_path / "houses.csv", index=False)
        rows = tmp_path / "houses.csv"

    found = valuer.predict(rows, members=True)

    assert (len(found), found.mean.shape, found.members.shape) == (300, (300, 2), (3, 300, 2))
    np.testing.assert_allclose(found.members.mean(axis=0), found.mean)
    assert np.corrcoef(found.mean[:, 0], frame["price"])[0, 1] > 0.9
    np.testing.assert_array_equal(found.rows(3, 5).members, found.members[:, 3:5])
    for field in fields(found):
        value = getattr(found, field.name)
        if isinstance(value, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 0


def test_what_only_classes_have_is_refused_with_a_sentence(valuer, ensemble, tmp_path):
    rows = houses(3, 3)

    with pytest.raises(InputError, match=f"^Run {RUN} predicts numbers: no class_names, but target_names"):
        _ = valuer.class_names
    with pytest.raises(InputError, match="predicts numbers, which have no probabilities"):
        valuer.predict_proba(rows)
    for asked in ({"sets": 0.9}, {"risk": 0.01}):
        with pytest.raises(InputError, match="abstaining and sets are for classes, and numbers have intervals"):
            valuer.predict(rows, **asked)
    with pytest.raises(InputError, match="abstaining and sets are for classes"):
        valuer.to_onnx(tmp_path / "it.onnx", risk=0.01)
    with pytest.raises(InputError, match="predicts classes: no target_names"):
        _ = ensemble.target_names


def test_folders_files_and_pickles_predict_the_same(valuer, tmp_path):
    rows = houses(20, 3)
    expected = valuer.predict(rows)
    loaded = [
        deepchord.load(valuer.save(tmp_path / "saved")),
        deepchord.load(valuer.to_onnx(tmp_path / "it.onnx")),
        pickle.loads(pickle.dumps(valuer)),
    ]

    for each in loaded:
        found = each.predict(rows)
        np.testing.assert_array_equal(found.mean, expected.mean)
        np.testing.assert_array_equal(found.intervals(0.9), expected.intervals(0.9))
        assert each.description == valuer.description


def test_its_summary_tells_targets_scores_and_intervals(valuer):
    text = valuer.summary()

    for part in (
        "area, rooms; targets price, built",
        "targets     price, built",
        "test scores price: root mean squared error ",
        "test scores built: root mean squared error ",
        "(calibration images)",
        "intervals   conformal, of 90%: they hold ",
    ):
        assert part in text


def test_descriptions_of_classes_say_nothing_of_numbers_and_those_of_numbers_nothing_of_classes(valuer, ensemble):
    of_numbers, of_classes = (json.loads(each.description.encode()) for each in (valuer, ensemble))

    assert "regression" not in of_classes
    assert list(of_classes)[-5:] == ["test", "calibrated_test", "calibration", "conformal", "abstentions"]
    assert not {"test", "calibration", "conformal", "abstentions"} & set(of_numbers)
    for each in (valuer, ensemble):
        assert EnsembleDescription.decode(each.description.encode(), "it") == each.description
    with pytest.raises(MessageDecodeError, match="regression of numbers"):
        EnsembleDescription.decode(json.dumps({**of_numbers, "regression": None}), "it")
