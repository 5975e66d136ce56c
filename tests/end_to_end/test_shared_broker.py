"""Two workers started by hand, on two engines if there are two; the commands see only broker and storage."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import psutil
import pytest

from deepchord.shared.messages import MemberRecord
from deepchord.shared.queue import create_app
from deepchord.shared.settings import load_settings
from tests.waiting import wait_until


@dataclass(frozen=True)
class SharedRun:
    """What the commands said while two workers trained one run."""

    place: Any
    run_id: str
    submitted: Any
    views: list[dict[str, Any]]
    watched: int
    status: dict[str, Any]
    records: list[MemberRecord]
    #: The run, evaluated once more by a worker.
    study: Any
    #: The exit codes of the workers after Ctrl-C, and what was left of them.
    ended: list[int]
    left: list[psutil.Process]


def wait_until_they_answer(broker: str, workers: list[Any]) -> None:
    with create_app(load_settings(broker=broker)) as app:
        while len(app.control.ping(timeout=1.0)) < len(workers):
            assert [worker.err for worker in workers if worker.process.poll() is not None] == []


@pytest.fixture(scope="module")
def engines() -> list[str]:
    """Two engines; PyTorch if it is installed, as it is in CI."""
    return ["tensorflow", "torch" if find_spec("torch") else "tensorflow"]


@pytest.fixture(scope="module")
def shared_run(new_place: Callable[..., Any], recipe, broker_server, engines) -> SharedRun:
    broker = f"{broker_server}/3"
    place = new_place(DEEPCHORD_BROKER=broker)
    workers = [
        place.start("worker", "--engine", engine, "--name", f"{number}-{engine}@here", "--threads", "1")
        for number, engine in enumerate(engines)
    ]
    wait_until_they_answer(broker, workers)
    place.gate.hold(after=1)
    submitted = place.run("train", "--detach", recipe, "--members", "4")
    run_id = submitted.stdout.split()[1]
    watching = place.start("watch", run_id, "--json")
    watching.wait_for('"training"')
    wait_until(lambda: len(place.gate.held()) == len(workers), "a member on each worker")
    place.gate.open()
    watched = watching.ended()
    status = json.loads(place.run("status", run_id, "--json").stdout)
    study = place.run("evaluate", run_id, "--on-worker", "--name", "again", "--json", "--out", "study")
    for worker in workers:
        worker.interrupt()
    ended = [worker.ended() for worker in workers]
    return SharedRun(
        place=place,
        run_id=run_id,
        submitted=submitted,
        views=[json.loads(line) for line in watching.out],
        watched=watched,
        status=status,
        records=list(place.store.records(run_id, 4)),
        study=study,
        ended=ended,
        left=psutil.wait_procs(place.processes(), timeout=10)[1],
    )


def test_a_detached_run_is_submitted_and_the_command_returns(shared_run):
    assert (shared_run.submitted.returncode, shared_run.submitted.stderr) == (0, "")
    assert f"`deepchord watch {shared_run.run_id}`" in shared_run.submitted.stdout


def test_watch_tells_in_lines_of_json_how_the_run_went_until_it_is_evaluated(shared_run):
    assert shared_run.watched == 0
    assert {view["run_id"] for view in shared_run.views} == {shared_run.run_id}
    states = [view["state"] for view in shared_run.views]
    assert states[0] in ("waiting", "training")
    assert states[-1] == "evaluated"
    order = ["waiting", "training", "evaluating", "evaluated"]
    assert states == sorted(states, key=order.index)
    shares = [view["share_done"] for view in shared_run.views]
    assert shares == sorted(shares)
    assert shared_run.views[-1]["evaluation"]["trained"] == 4


def test_a_worker_evaluates_the_run_once_more_and_to_the_same_result(shared_run):
    stored = shared_run.place.store.study(shared_run.run_id, "again")
    first = shared_run.place.store.evaluation(shared_run.place.store.run(shared_run.run_id)).result()

    assert (shared_run.study.returncode, shared_run.study.stderr) == (0, "")
    again = stored.result().evaluation
    assert json.loads(shared_run.study.stdout)["ensemble"]["trained"] == 4
    assert again.test.loss == pytest.approx(first.test.loss, abs=1e-4)
    assert [attempt.number for attempt in stored.attempts()] == [1]
    assert (shared_run.place.folder / "study" / "index.html").exists()


def test_watch_says_nothing_twice(shared_run):
    views = [{**view, "elapsed_s": 0} for view in shared_run.views]

    assert all(before != after for before, after in itertools.pairwise(views))


def test_every_member_was_trained_once_and_both_workers_took_part(shared_run, engines):
    members = [record.member for record in shared_run.records]

    assert [(member.spec.index, member.status, member.attempt) for member in members] == [
        (index, "trained", 1) for index in range(4)
    ]
    assert {member.trainer.engine for member in members} == set(engines)


def test_members_of_one_engine_give_the_same_probabilities_on_the_other(shared_run):
    parities = [member["parity"] for member in shared_run.status["evaluation"]["members"]]

    assert len(parities) == 4
    assert max(parities) < 1e-4


def test_the_ensemble_watched_while_it_grew_ends_as_the_one_that_was_evaluated(shared_run):
    assert shared_run.status["ensemble_so_far"] == shared_run.status["evaluation"]["test"]["accuracy"]


def test_ctrl_c_ends_idle_workers_and_leaves_nothing(shared_run):
    assert shared_run.ended == [0, 0]
    assert shared_run.left == []


def test_what_the_workers_left_can_be_collected_without_them(shared_run, tmp_path):
    collected = shared_run.place.run("collect", shared_run.run_id, "--out", tmp_path / "results")

    assert (collected.returncode, collected.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "results").glob("*.hdf5")) == [
        f"best_weights_{index}.hdf5" for index in range(4)
    ]


def test_a_worker_with_another_storage_ends_the_run_with_a_clear_error(new_place, recipe, broker_server, tmp_path):
    place = new_place(DEEPCHORD_BROKER=f"{broker_server}/4", DEEPCHORD_LEASE_S="1")
    worker = place.start("worker", "--storage", str(tmp_path / "other"))

    trained = place.run("train", recipe, "--members", "1")

    worker.interrupt()
    assert worker.ended() == 0
    assert trained.returncode == 3
    (sentence,) = trained.stderr.splitlines()
    assert "There is no run" in sentence
    assert "Do all workers see the same storage as this command?" in sentence


def test_ctrl_c_while_watching_leaves_the_run_alone(new_place, recipe, broker_server):
    place = new_place(DEEPCHORD_BROKER=f"{broker_server}/5")
    run_id = place.run("train", "--detach", recipe).stdout.split()[1]
    watching = place.start("watch", run_id)
    watching.wait_for("is waiting")

    watching.interrupt()

    assert watching.ended() == 130
    assert watching.err == [f"error: Stopped watching; run {run_id} goes on."]


def test_ctrl_c_while_training_elsewhere_says_that_the_run_goes_on(new_place, recipe, broker_server):
    place = new_place(DEEPCHORD_BROKER=f"{broker_server}/6")
    training = place.start("train", recipe)
    training.wait_for("is waiting")

    training.interrupt()

    (run_id,) = place.store.run_ids()
    assert training.ended() == 130
    assert training.err == [
        f"error: Interrupted: run {run_id} goes on at the workers; `deepchord watch {run_id}` follows it."
    ]


def test_one_command_starts_as_many_workers_as_it_is_told(new_place, recipe, broker_server):
    broker = f"{broker_server}/9"
    place = new_place(DEEPCHORD_BROKER=broker)
    worker = place.start("worker", "--workers", "2", "--name", "pair@here")
    with create_app(load_settings(broker=broker)) as app:
        while len(names := app.control.ping(timeout=1.0)) < 2:
            assert worker.process.poll() is None, worker.err

    trained = place.run("train", recipe, "--members", "4")

    assert trained.returncode == 0, trained.stderr
    assert {name for answer in names for name in answer} == {"pair-1@here", "pair-2@here"}
    worker.interrupt()
    assert worker.ended() == 0
    assert place.stop_all() == []
