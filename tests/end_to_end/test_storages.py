"""Runs whose workers and coordinator share no disk: everything goes through S3 or the broker."""

import pytest

from deepchord.coordinator.runs import owner_of
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from tests.servers import S3Server


@pytest.fixture(params=["S3", "the broker"])
def storage(request, s3_server: S3Server) -> dict[str, str]:
    if request.param == "S3":
        return {"DEEPCHORD_STORAGE": s3_server.new_storage(), **s3_server.variables()}
    return {"DEEPCHORD_STORAGE": "broker://"}


def test_a_run_needs_no_disk_that_all_see(new_place, recipe, broker_url, storage, monkeypatch):
    variables = {"DEEPCHORD_BROKER": broker_url, **storage}
    coordinator, workers = new_place(**variables), new_place(**variables)
    for number in range(2):
        workers.start("worker", "--name", f"worker{number}@here").wait_for(" ready.")

    # In an encoding that has none of the signs that the summary is made of.
    ended = coordinator.run(
        "train", recipe, "--members", "3", "--name", "baseline", "--out", "results", PYTHONIOENCODING="ascii"
    )

    assert ended.returncode == 0, ended.stderr
    assert "Ensemble of 3" in ended.stdout
    assert ended.stdout.isascii()
    workers.kill_all()
    assert (coordinator.folder / "results" / "index.html").exists()
    assert len(list((coordinator.folder / "results").glob("best_weights_*.hdf5"))) == 3
    assert not coordinator.storage.exists()
    assert not workers.storage.exists()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    store = RunStore.open(load_settings())
    (run_id,) = store.run_ids()
    assert store.recorded_members(run_id) == [0, 1, 2]
    listed = coordinator.run("runs", "--owner", owner_of(load_settings()))
    assert run_id in listed.stdout
    # It is carried to a folder, and is the same there.
    carried = [
        coordinator.run("export-run", "baseline", "--out", "run.zip"),
        coordinator.run("delete", "baseline"),
        coordinator.run("import-run", "run.zip", "--storage", "folder"),
        coordinator.run("collect", "baseline", "--storage", "folder", "--out", "again"),
    ]
    assert [ended.returncode for ended in carried] == [0] * 4, carried
    assert store.run_ids() == []
    first, again = (
        {f.name: f.read_bytes() for f in (coordinator.folder / n).glob("*.hdf5")} for n in ("results", "again")
    )
    assert first == again


def test_a_plaidml_worker_trains_with_the_same_storages(
    new_place, plaidml_python, recipe, broker_url, storage, monkeypatch
):
    variables = {"DEEPCHORD_BROKER": broker_url, "DEEPCHORD_ENGINE": "plaidml", **storage}
    place = new_place(**variables)
    command = [str(plaidml_python), "-P", "-m", "deepchord"]
    place.start(command=[*command, "worker", "--device", "llvm_cpu.0"]).wait_for(" ready.")

    ended = place.run("train", recipe, "--members", "2", "--out", "results")

    assert ended.returncode == 0, ended.stderr
    place.kill_all()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    store = RunStore.open(load_settings())
    (run_id,) = store.run_ids()
    assert {record.member.trainer.engine for record in store.records(run_id, 2)} == {"plaidml"}
