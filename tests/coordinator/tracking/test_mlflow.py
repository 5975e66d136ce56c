"""MLflow's own client, and a store that it keeps in a folder."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from deepchord.coordinator.tracking import open_trackers, record_run
from deepchord.shared.errors import TrackerError

pytestmark = pytest.mark.slow

mlflow = pytest.importorskip("mlflow")


@pytest.fixture
def uri(tmp_path, monkeypatch) -> str:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return (tmp_path / "mlflow").as_uri()


@pytest.fixture
def client(uri):
    return mlflow.MlflowClient(tracking_uri=uri)


def test_mlflow_has_one_run_with_parameters_epochs_scores_and_the_report(settings, store, finished, uri, client):
    for _ in range(2):
        (tracker,) = open_trackers([f"mlflow:{uri}#ensembles"], store)
        record_run(settings, store, finished, tracker, with_report=True)

    experiment = client.get_experiment_by_name("ensembles")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == (finished.run_id, "FINISHED")
    assert run.data.tags["deepchord.run"] == finished.run_id
    assert run.data.params["learning_rate"] == str(finished.recipe.learning_rate)
    assert run.data.metrics["test_accuracy"] == store.evaluation(finished).result().test.accuracy
    member = store.member(finished.run_id, 1).record().member
    history = client.get_metric_history(run.info.run_id, "members/validation_loss/member-001")
    assert [(metric.step, metric.value) for metric in history] == [
        (number, epoch.validation_loss) for number, epoch in enumerate(member.history, 1)
    ]
    assert history[-1].timestamp == int(member.finished_at.timestamp() * 1000)
    artifacts = {file.path for file in client.list_artifacts(run.info.run_id, "report")}
    assert {"report/index.html", "report/summary.csv", "report/figures"} <= artifacts


def test_several_who_follow_a_run_record_it_as_one(settings, store, finished, uri, client):
    client.create_experiment("deepchord")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: open_trackers([f"mlflow:{uri}"], store)[0].open(finished), range(8)))

    assert len(client.search_runs([client.get_experiment_by_name("deepchord").experiment_id])) == 1


def test_a_run_that_was_deleted_in_mlflow_is_recorded_anew(settings, store, finished, uri, client):
    (tracker,) = open_trackers([f"mlflow:{uri}"], store)
    record_run(settings, store, finished, tracker, with_report=False)
    experiment = client.get_experiment_by_name("deepchord").experiment_id
    client.delete_run(client.search_runs([experiment])[0].info.run_id)

    record_run(settings, store, finished, tracker, with_report=False)

    (run,) = client.search_runs([experiment])
    assert "members/train_loss/member-000" in run.data.metrics


def test_a_server_that_is_away_is_a_sentence_without_a_password(store, finished, free_port, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (tracker,) = open_trackers([f"mlflow:http://127.0.0.1:{free_port}"], store)

    with pytest.raises(TrackerError, match=f"^MLflow at http://127.0.0.1:{free_port} cannot be used: "):
        tracker.open(finished)
