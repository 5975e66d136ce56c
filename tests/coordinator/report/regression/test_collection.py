import hashlib

import numpy as np
import pytest

from deepchord.coordinator.report import collect_run, summary
from deepchord.coordinator.report.regression import RegressionContent
from deepchord.coordinator.runs import plan_member, plan_request
from deepchord.shared.checkpoints import encode_ensemble_predictions
from deepchord.shared.datasets import publish_dataset
from deepchord.shared.messages import MemberRecord, RegressionEvaluation
from deepchord.shared.settings import load_settings
from tests.records import commit_record

WEIGHTS = b"the weights of a member"


@pytest.fixture
def stored(make_numbers, store) -> RegressionContent:
    """An ensemble of two numbers whose run is in storage, evaluated."""
    content = make_numbers(targets=("rent", "heating"), members=2)
    info = publish_dataset(content.dataset, store)
    run = content.spec.model_copy(update={"dataset": info})
    store.create_run(run)
    for index, member in content.trained.items():
        sha256 = hashlib.sha256(WEIGHTS).hexdigest()
        spec = plan_member(run.run_id, run.seed, index)
        store.member(run.run_id, index).publish_weights(1, WEIGHTS)
        commit_record(store, MemberRecord(member=member.model_copy(update={"spec": spec, "weights_sha256": sha256})))
    data = encode_ensemble_predictions(content.predictions)
    assert content.evaluation.predictions_sha256 == hashlib.sha256(data).hexdigest()
    store.evaluation(run).commit_result(content.evaluation, data)
    return content


@pytest.mark.slow
def test_a_run_that_predicts_numbers_is_collected_with_all_that_it_left(stored, store, tmp_path):
    run = store.run(stored.spec.run_id)

    content, files = collect_run(load_settings(cache=tmp_path / "cache"), store, run, tmp_path / "results")

    assert isinstance(content, RegressionContent)
    assert content.evaluation == stored.evaluation
    names = {path.name for path in files}
    assert {"index.html", "summary.csv", "summary.json", "recipe.toml", "run.json", "predictions.npz"} <= names
    assert {"best_weights_0.hdf5", "best_weights_1.hdf5", "predictions.png", "intervals.svg"} <= names
    assert "probabilities.npz" not in names
    data = (tmp_path / "results" / "evaluation.json").read_bytes()
    assert RegressionEvaluation.decode(data, "evaluation.json") == stored.evaluation
    with np.load(tmp_path / "results" / "predictions.npz") as arrays:
        assert arrays["test_mean"] == pytest.approx(stored.predictions.test.mean)
    planned = plan_request(tmp_path / "results" / "recipe.toml", {}, table_rows=100, task="regression")
    assert (planned.task, planned.target, planned.seed) == ("regression", "rent,heating", run.seed)


def test_the_list_of_runs_has_the_errors_of_the_numbers(stored, store):
    line = summary(store.run(stored.spec.run_id), store)

    assert line["ensemble_test_accuracy"] is None
    assert line["ensemble_test_error"] == {
        name: scores.root_mean_squared_error
        for name, scores in zip(("rent", "heating"), stored.evaluation.test, strict=True)
    }
