"""Runs whose workers and coordinator share no disk: everything goes through S3 or the broker."""

import subprocess
from pathlib import Path

import pytest

from shared.settings import load_settings
from shared.storage import RunStore
from tests.servers import S3Server

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["S3", "the broker"])
def storage(request, s3_server: S3Server) -> dict[str, str]:
    if request.param == "S3":
        return {"DEEPCHORD_STORAGE": s3_server.new_storage(), **s3_server.variables()}
    return {"DEEPCHORD_STORAGE": "broker://"}


def test_a_run_needs_no_disk_that_all_see(new_place, recipe, broker_url, storage, monkeypatch):
    variables = {"DEEPCHORD_BROKER": broker_url, "DEEPCHORD_ENGINE": "jax", **storage}
    coordinator, workers = new_place(**variables), new_place(**variables)
    for number in range(2):
        workers.start("worker", "--name", f"worker{number}@here").wait_for(" ready.")

    ended = coordinator.run("train", recipe, "--members", "3", "--out", "results")

    assert ended.returncode == 0, ended.stderr
    workers.kill_all()
    assert (coordinator.folder / "results" / "index.html").exists()
    assert len(list((coordinator.folder / "results").glob("best_weights_*.hdf5"))) == 3
    assert not coordinator.storage.exists()
    assert not workers.storage.exists()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    store = RunStore.open(load_settings())
    (run_id,) = store.run_ids()
    assert store.recorded(run_id) == [0, 1, 2]
    listed = coordinator.run("runs")
    assert run_id in listed.stdout


def test_plaidml_workers_reach_the_same_bucket(plaidml_python, s3_server):
    script = (
        "from shared.settings import load_settings; from shared.object_store import open_object_store; "
        "store = open_object_store(load_settings()); "
        "print(store.create('one', b'1'), store.create('one', b'2'), store.get('one'), list(store.list('')))"
    )
    variables = {"DEEPCHORD_STORAGE": s3_server.new_storage(), **s3_server.variables()}

    said = subprocess.run(
        [plaidml_python, "-c", script], cwd=ROOT, env=variables, check=True, capture_output=True, text=True
    )

    assert said.stdout == "True False b'1' ['one']\n"
