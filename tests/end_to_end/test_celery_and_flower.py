"""A worker started as Celery starts them, and Flower beside it: both through the same application."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import psutil
import pytest

from deepchord.shared.messages import MemberRecord
from tests.fetching import fetch
from tests.waiting import wait_until

#: What Flower shows of a member in training.
EPOCH = re.compile(r"epoch [12]/2 val_loss \d\.\d+ val_acc")


@dataclass(frozen=True)
class WatchedRun:
    """What Flower knew of a run while it was trained."""

    exit_code: int
    run_id: str
    records: list[MemberRecord]
    #: The status codes of Flower's pages without a password, and with a wrong one.
    refused: list[int]
    listening: set[tuple[str, int]]
    port: int
    page: str
    #: The tasks as Flower's API has them, by id.
    tasks: dict[str, Any]
    #: All results of members that Flower ever showed.
    results: set[str]
    left: list[psutil.Process]


def listening(processes: list[psutil.Process]) -> set[tuple[str, int]]:
    return {
        (connection.laddr.ip, connection.laddr.port)
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.fixture(scope="module")
def watched_run(new_place: Callable[..., Any], recipe, broker_server, require) -> WatchedRun:
    require("Flower", find_spec("flower"))
    place = new_place(DEEPCHORD_BROKER=f"{broker_server}/7", DEEPCHORD_ENGINE="tensorflow")
    place.gate.hold(after=1)
    training = place.start("train", recipe, "--flower", "--out", "results")
    url, user, password = re.search(
        r"Flower: (\S+) \(user (\S+), password (\S+)\)", training.wait_for("Flower: ")
    ).groups()
    refused = [fetch(url + path)[0] for path in ("/", "/api/tasks", "/workers", "/broker")]
    refused.append(fetch(url + "/", user, "wrong")[0])
    open_ports = listening([child for child in place.processes() if "flower" in " ".join(child.cmdline())])
    _, page = fetch(url + "/", user, password)
    worker = place.start(
        command=[
            sys.executable,
            "-m",
            "celery",
            "-A",
            "deepchord.worker.app",
            "worker",
            "--loglevel",
            "info",
            "-n",
            "by-hand@here",
        ]
    )
    tasks: dict[str, Any] = {}
    results: set[str] = set()

    def shows(task: str) -> bool:
        assert training.process.poll() is None, training.err
        tasks.update(json.loads(fetch(url + "/api/tasks", user, password)[1]))
        results.update(str(task["result"]) for task in tasks.values() if task["result"])
        return EPOCH.search(str(tasks.get(task, {}).get("result"))) is not None

    (run,) = wait_until(lambda: place.store.run_ids(), "the run")
    for index in range(2):
        wait_until(lambda index=index: shows(f"{run}.member-{index:03d}"), "Flower to show an epoch")
        place.gate.open(index=index)
    exit_code = training.ended()
    worker.process.terminate()
    assert worker.ended() == 0, worker.err
    return WatchedRun(
        exit_code=exit_code,
        run_id=run,
        records=list(place.store.records(run, 2)),
        refused=refused,
        listening=open_ports,
        port=int(url.rpartition(":")[2]),
        page=page,
        tasks=tasks,
        results=results,
        left=psutil.wait_procs(place.processes(), timeout=10)[1],
    )


def test_a_worker_started_by_celery_itself_trains_the_run(watched_run):
    assert watched_run.exit_code == 0
    assert [record.member.status for record in watched_run.records] == ["trained", "trained"]


def test_the_same_seed_gives_the_same_weights_whoever_trains_them(watched_run, local_run):
    there = list(local_run.place.store.records(local_run.run_id, 2))

    assert watched_run.run_id != local_run.run_id
    assert [record.member.weights_sha256 for record in watched_run.records] == [
        record.member.weights_sha256 for record in there
    ]
    assert [record.member.spec.seeds for record in watched_run.records] == [
        record.member.spec.seeds for record in there
    ]


def test_flower_refuses_whoever_does_not_know_the_password(watched_run):
    assert watched_run.refused == [401] * 5


def test_flower_answers_on_loopback_only(watched_run):
    assert watched_run.listening == {("127.0.0.1", watched_run.port)}


def test_flower_shows_its_page_to_whoever_knows_the_password(watched_run):
    assert "Flower" in watched_run.page
    assert "/workers" in watched_run.page


def test_flower_lists_the_tasks_of_the_members_and_the_evaluation(watched_run):
    assert {f"{watched_run.run_id}.member-00{index}" for index in range(2)} <= set(watched_run.tasks)
    assert {task["name"] for task in watched_run.tasks.values()} <= {
        "deepchord.train_member",
        "deepchord.evaluate_ensemble",
    }


def test_flower_shows_the_epochs_of_a_member_while_it_is_trained(watched_run):
    epochs = [result for result in watched_run.results if EPOCH.search(result)]

    assert epochs


def test_after_the_end_neither_flower_nor_worker_is_left(watched_run):
    assert watched_run.left == []
