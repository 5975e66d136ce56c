"""The gauges that Prometheus reads, of a fleet that the boards and a storage tell of."""

import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from deepchord.coordinator.files import read_file
from deepchord.coordinator.monitoring import list_workers, worker_table
from deepchord.coordinator.monitoring.prometheus import MetricsCollector, serving_metrics
from deepchord.shared.broker import Holder, Leases, ProgressBoard, WorkerRegistry, evaluation_lease, member_lease
from deepchord.shared.errors import InputError
from deepchord.shared.messages import Cancellation, EpochMetrics, MemberProgress, Trainer
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.shared.validation import PROTOCOL
from tests.shared.broker.test_worker_registry import info
from tests.shared.storage.examples import run_spec

RUN = run_spec().run_id


@pytest.fixture
def settings(broker_url, tmp_path):
    return Settings(broker=broker_url, storage=str(tmp_path / "storage"))


@pytest.fixture
def store(settings):
    return RunStore.open(settings)


@pytest.fixture
def client(broker_url):
    with redis.Redis.from_url(broker_url) as client:
        yield client


@pytest.fixture
def busy_fleet(client, store):
    """One worker trains member 1, one evaluates, one waits and is of another version."""
    store.create_run(run_spec())
    board, leases = WorkerRegistry(client), Leases(client)
    for worker in "abc":
        board.register(info(worker, protocol=PROTOCOL + (worker == "c")))
    leases.hold(member_lease(RUN, 1), Holder(worker="a", process_id=1, token="x"), 30.0)
    leases.hold(evaluation_lease(RUN), Holder(worker="b", process_id=1, token="y"), 30.0)
    epoch = EpochMetrics(
        train_loss=1.0, train_accuracy=0.5, validation_loss=1.0, validation_accuracy=0.5, duration_s=4.0
    )
    now = datetime.now(UTC)
    progress = MemberProgress(
        index=1,
        attempt=2,
        trainer=Trainer(host="a", engine="jax", engine_version="1", device="cpu:0"),
        phase="training",
        epochs_done=3,
        epochs=10,
        epoch_share=0.5,
        last=epoch,
        started_at=now,
        updated_at=now,
    )
    ProgressBoard(client).publish(RUN, progress)


def scrape(settings):
    with serving_metrics(settings, "127.0.0.1", 0) as address, urllib.request.urlopen(address) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_the_fleet_is_listed_with_what_each_worker_is_at(busy_fleet, client, store):
    rows = list_workers(client, store)

    assert [row.worker.info.worker for row in rows] == ["a", "b", "c"]
    assert [row.worker.at_work for row in rows] == [(RUN, 1), (RUN, None), None]
    run = run_spec()
    images = run.dataset.train_size * (1 - run.recipe.calibration_fraction) * (1 - run.recipe.validation_fraction)
    assert rows[0].samples_per_s == pytest.approx(images / 4.0)
    assert [row.is_compatible for row in rows] == [True, True, False]
    assert rows[0].as_json()["epochs_done"] == 3
    assert worker_table(rows).row_count == 3


def test_a_scrape_tells_of_workers_members_queues_and_runs(busy_fleet, settings, store, client):
    client.lpush("deepchord:deepchord", "one", "two")

    found = scrape(settings)

    assert found["deepchord_up",] == 1
    assert found["deepchord_member_epoch", *sorted((RUN, "1"))] == 3.5
    assert found["deepchord_member_attempt", *sorted((RUN, "1"))] == 2
    assert 0 < found["deepchord_lease_remaining_seconds", *sorted((RUN, "1"))] <= 30
    assert found["deepchord_queue_messages", "deepchord"] == 2
    states = {state: found["deepchord_members", *sorted((RUN, state))] for state in ("running", "waiting", "trained")}
    assert states == {"running": 1, "waiting": run_spec().members - 1, "trained": 0}
    assert sum(key[0] == "deepchord_worker_up" for key in found) == 3


def test_a_broker_that_is_away_is_told_of_as_being_down(free_port, settings):
    found = scrape(settings.model_copy(update={"broker": f"redis://127.0.0.1:{free_port}", "connect_timeout_s": 1}))

    assert found == {("deepchord_up",): 0}


def test_a_storage_that_is_away_is_told_of_as_being_down(busy_fleet, settings, free_port, monkeypatch):
    for name, value in {"ENDPOINT_URL": f"http://127.0.0.1:{free_port}", "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")

    found = scrape(settings.model_copy(update={"storage": "s3://ensembles/runs"}))

    assert found == {("deepchord_up",): 0}


def test_a_scrape_does_not_wait_for_one_that_hangs(busy_fleet, client, store, monkeypatch):
    monkeypatch.setattr("deepchord.coordinator.monitoring.prometheus._MAX_WAIT_S", 0.01)
    answer, asked = Event(), Event()
    ids = store.run_ids

    def hang(**options: object) -> list[str]:
        asked.set()
        assert answer.wait(60)
        return ids(**options)

    monkeypatch.setattr(store, "run_ids", hang)
    collector = MetricsCollector(client, store)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: list(collector.collect()))
        assert asked.wait(60)
        second = list(collector.collect())
        answer.set()

        assert [sample.value for family in second for sample in family.samples] == [0]
        assert first.result()[0].samples[0].value == 1


def test_a_run_at_which_nobody_works_is_told_of_until_it_has_ended(settings, store):
    run = run_spec()
    store.create_run(run)
    waiting = ("deepchord_members", *sorted((RUN, "waiting")))

    before = scrape(settings)
    store.cancel_run(RUN, Cancellation(host="here", cancelled_at=datetime.now(UTC)))
    cancelled = scrape(settings)

    assert before[waiting] == run.members
    assert waiting not in cancelled


def test_a_port_that_is_taken_is_said(settings, store):
    with (
        serving_metrics(settings, "127.0.0.1", 0) as address,
        pytest.raises(InputError, match="give another one with --port"),
        serving_metrics(settings, "127.0.0.1", int(address.rpartition(":")[2].partition("/")[0])),
    ):
        pass


def test_the_dashboard_asks_for_gauges_that_there_are(busy_fleet, settings, store):
    dashboard = json.loads(read_file("grafana.json"))
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"deepchord_\w+", target["expr"])
    }

    assert asked
    assert asked <= {name for name, *_ in scrape(settings)}
