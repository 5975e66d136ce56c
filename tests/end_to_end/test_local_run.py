import csv
import hashlib
import json
import re
import tomllib

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from deepchord.shared.messages import EnsembleEvaluation, RunSpec
from deepchord.shared.storage import RunStore
from tests.places import QUICKEST_ENGINE
from tests.webhooks import receiving


def probabilities_by_hand(weights: h5py.File, images: NDArray[np.uint8], pool: bool) -> NDArray[np.float64]:
    """The networks of the recipe in NumPy: perhaps the largest of each 4x4 pixels, one dense layer, softmax."""
    side = 4 if pool else 1
    pooled = (images / 255.0).reshape(-1, 28 // side, side, 28 // side, side).max(axis=(2, 4)).reshape(len(images), -1)
    logits = pooled @ weights["dense_1/dense_1/kernel:0"][()] + weights["dense_1/dense_1/bias:0"][()]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture
def evaluation(local_run) -> EnsembleEvaluation:
    return EnsembleEvaluation.decode((local_run.results / "evaluation.json").read_bytes(), "evaluation.json")


@pytest.fixture
def store(local_run) -> RunStore:
    return local_run.place.store


def test_the_command_ends_well_and_says_where_the_results_are(local_run):
    (said,) = local_run.command.stderr.splitlines()
    assert local_run.command.returncode == 0
    assert said.startswith("note: What the environment says of Celery and Flower is ignored (BROKER_URL, CELERY_BENCH")
    assert f"run {local_run.run_id} is evaluated (2 of 2 members trained)" in local_run.command.stdout
    assert (local_run.results / "index.html").as_uri() in local_run.command.stdout


def test_no_process_imported_anything_from_the_folder_that_the_command_was_started_in(local_run):
    assert len(list(local_run.around.names())) > 300
    assert local_run.around.imported() == []


def test_after_the_end_no_process_is_left(local_run):
    assert local_run.left == []
    assert local_run.place.processes() == []


def test_progress_goes_by_in_plain_lines_where_there_is_no_terminal(local_run):
    lines = local_run.command.stdout.splitlines()

    assert lines[0].startswith(f"run {local_run.run_id}: quick on clothes.npz, 2 members, at most 2 epochs, seed 7")
    assert [line for line in lines if line.startswith("member 0 trained in ")]
    assert [line for line in lines if line.startswith("member 1 trained in ")]
    assert "\x1b" not in local_run.command.stdout


def test_each_member_and_the_run_have_one_record_in_storage(local_run, store):
    run = store.run(local_run.run_id)
    records = [record.member for record in store.records(local_run.run_id, run.members)]

    assert [(member.spec.index, member.status, member.attempt) for member in records] == [
        (0, "trained", 1),
        (1, "trained", 1),
    ]
    assert {member.trainer.engine for member in records} == {"tensorflow"}
    assert all(len(member.history) == 2 for member in records)
    assert store.evaluation(store.run(local_run.run_id)).result().trained == 2
    assert store.evaluation(store.run(local_run.run_id)).failure() is None


@pytest.fixture
def layers(network) -> list[str]:
    """What layers the network of the recipe has."""
    return [layer["type"] for layer in tomllib.loads(network)["layers"]]


def test_the_run_remembers_what_the_recipe_said(local_run, store, layers):
    run = store.run(local_run.run_id)

    assert (run.seed, run.members, run.recipe.epochs, run.recipe.batch_size) == (7, 2, 2, 32)
    assert (run.dataset.name, run.dataset.train_size, run.dataset.test_size) == ("clothes.npz", 800, 300)
    assert [layer.type for layer in run.architecture.layers] == layers


def test_the_results_folder_holds_all_that_people_take_away(local_run):
    found = {path.relative_to(local_run.results).as_posix() for path in local_run.results.rglob("*") if path.is_file()}

    assert {
        "best_weights_0.hdf5",
        "best_weights_1.hdf5",
        "ensemble.json",
        "evaluation.json",
        "index.html",
        "probabilities.npz",
        "run.json",
        "summary.csv",
        "summary.json",
    } <= found
    assert len([name for name in found if name.startswith("figures/") and name.endswith(".png")]) >= 4
    assert [name for name in found if name.rpartition("/")[2].startswith(".")] == []


def test_the_files_of_the_results_are_those_of_the_records(local_run, store, evaluation):
    for index in range(2):
        member = store.member(local_run.run_id, index).record().member
        weights = (local_run.results / f"best_weights_{index}.hdf5").read_bytes()
        assert hashlib.sha256(weights).hexdigest() == member.weights_sha256
    probabilities = (local_run.results / "probabilities.npz").read_bytes()
    assert hashlib.sha256(probabilities).hexdigest() == evaluation.probabilities_sha256
    assert RunSpec.decode((local_run.results / "run.json").read_bytes(), "run.json") == store.run(local_run.run_id)


def test_the_accuracy_of_the_ensemble_is_that_of_the_mean_of_its_members_probabilities(
    local_run, recipe, evaluation, layers
):
    with np.load(recipe.parent / "clothes.npz") as data:
        images, labels = data["x_test"], data["y_test"]
    members = []
    for index in range(2):
        with h5py.File(local_run.results / f"best_weights_{index}.hdf5") as weights:
            members.append(probabilities_by_hand(weights, images, pool="max_pooling2d" in layers))
    ensemble = np.mean(members, axis=0)

    with np.load(local_run.results / "probabilities.npz") as stored:
        assert np.abs(stored["test"] - ensemble).max() < 1e-5
        assert stored["train"].shape == (800, 10)
    assert evaluation.test.accuracy == float((ensemble.argmax(axis=1) == labels).mean())
    assert [member.test.accuracy for member in evaluation.members] == [
        float((member.argmax(axis=1) == labels).mean()) for member in members
    ]
    assert evaluation.test.loss == pytest.approx(-np.log(ensemble[np.arange(300), labels]).mean(), abs=1e-5)
    assert evaluation.test.accuracy > 0.3  # it has learnt: chance is 0.1


def test_the_members_differ(local_run):
    first, second = ((local_run.results / f"best_weights_{index}.hdf5").read_bytes() for index in range(2))

    assert first != second


def test_the_table_has_a_line_for_each_member_and_their_average(local_run, evaluation):
    with (local_run.results / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))

    assert [row["Member"] for row in rows] == ["0", "1", "Average"]
    assert [float(row["Test Acc"]) for row in rows] == pytest.approx(
        [*(member.test.accuracy for member in evaluation.members), evaluation.mean_member_accuracy], abs=5e-5
    )


def test_the_page_needs_nothing_from_elsewhere(local_run):
    page = (local_run.results / "index.html").read_text()

    assert local_run.run_id in page
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*""", page) == []


# The commands about a run that has ended


def test_runs_lists_the_run(local_run, evaluation):
    shown = local_run.place.run("runs")
    (line,) = json.loads(local_run.place.run("runs", "--json").stdout)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert local_run.run_id in shown.stdout
    assert line["run_id"] == local_run.run_id
    assert (line["state"], line["members"], line["ended"]) == ("evaluated", 2, 2)
    assert line["ensemble_test_accuracy"] == evaluation.test.accuracy


@pytest.mark.parametrize("name", ["last", "the id"])
def test_status_shows_the_end_of_the_run_without_any_broker(local_run, evaluation, name):
    run_id = local_run.run_id if name == "the id" else name

    shown = local_run.place.run("status", run_id)
    view = json.loads(local_run.place.run("status", run_id, "--json").stdout)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert "2 of 2 trained · evaluated" in shown.stdout
    assert (view["run_id"], view["state"], view["trained"]) == (local_run.run_id, "evaluated", 2)
    assert view["evaluation"]["test"]["accuracy"] == view["ensemble_so_far"] == evaluation.test.accuracy


def test_watch_returns_at_once(local_run):
    watched = local_run.place.run("watch", "last")

    assert (watched.returncode, watched.stderr) == (0, "")
    assert f"`deepchord collect {local_run.run_id}`" in watched.stdout


def test_collect_writes_the_same_files_again_elsewhere(local_run, tmp_path):
    collected = local_run.place.run("collect", local_run.run_id, "--out", tmp_path / "again", "--json")

    answer = json.loads(collected.stdout)
    assert (collected.returncode, answer["run_id"]) == (0, local_run.run_id)
    for name in ("best_weights_0.hdf5", "best_weights_1.hdf5", "evaluation.json", "probabilities.npz", "run.json"):
        assert (tmp_path / "again" / name).read_bytes() == (local_run.results / name).read_bytes()
        assert str(tmp_path / "again" / name) in answer["files"]


def test_report_writes_the_page_without_the_weights(local_run, evaluation, tmp_path):
    reported = local_run.place.run("report", "last", "--out", tmp_path / "page")

    assert (reported.returncode, reported.stderr) == (0, "")
    assert f"{evaluation.test.accuracy * 100:.2f}" in reported.stdout
    assert (tmp_path / "page" / "index.html").is_file()
    assert list((tmp_path / "page").glob("*.hdf5")) == []


def test_report_gives_its_table_as_json(local_run, tmp_path):
    reported = local_run.place.run("report", "last", "--out", tmp_path / "page", "--json")

    assert reported.returncode == 0
    assert json.loads(reported.stdout)


def test_members_are_added_as_long_as_one_more_helps_and_observers_have_one_run(new_place, recipe, free_port):
    asked = recipe.read_text().replace("members = 2", 'members = "auto"\nat_most = 5\ncalibration_fraction = 0.2')
    # Every member helps a little: the loss of a mean is never above the mean of its members' losses.
    (recipe.parent / "auto.toml").write_text(asked.replace("epochs = 2", "epochs = 1") + "least_fall = 1e-9\n")
    place = new_place(DEEPCHORD_ENGINE=QUICKEST_ENGINE)

    with receiving() as receiver:
        observers = ["--notify", receiver.url, "--notify", f"http://127.0.0.1:{free_port}/t0p-secret"]
        observers += ["--track", "tensorboard:board"]
        ended = place.run("train", recipe.parent / "auto.toml", "--out", "results", *observers, NO_PROXY="127.0.0.1")

    assert ended.returncode == 0
    (said,) = ended.stderr.splitlines()
    assert said.startswith(f"The address 2 of --notify (http://127.0.0.1:{free_port}) was not told that run ")
    assert said.endswith("is evaluated: it cannot be reached: Connection refused; the run is not concerned.")
    assert "More members still help: 1 more, 5 in all." in ended.stdout
    (run_id,) = place.store.run_ids()
    run = place.store.run(run_id)
    assert (run.members, run.extension, run.auto.at_most) == (5, 1, 5)
    first, last = (place.store.evaluation(version).result() for version in reversed(list(place.store.specs(run_id))))
    assert (first.trained, last.trained) == (4, 5)
    assert first.uncertainty.next_member.fall > 0
    assert place.store.member(run_id, 0).record().member.attempt == 1
    collected = EnsembleEvaluation.decode((place.folder / "results" / "evaluation.json").read_bytes(), "it")
    assert collected == last
    assert f"Run {run_id} has the 5 members that it may have at most: one more would lower the loss by" in ended.stdout
    assert "members = 5" in (place.folder / "results" / "recipe.toml").read_text()
    (told,) = (request.json for request in receiver.requests)
    assert (told["event"], told["trained"], told["test_accuracy"]) == ("evaluated", 5, last.test.accuracy)
    assert [path for path in place.folder.rglob("*") if path.is_file() and b"t0p-secret" in path.read_bytes()] == []
    board = place.folder / "board" / run_id
    parts = {path.name.rpartition(".deepchord.")[2] for path in board.rglob("*.deepchord.*")}
    assert parts == {"parameters", *(f"member-00{index}" for index in range(5)), "evaluation-000", "evaluation-001"} | {
        "report-001"
    }
