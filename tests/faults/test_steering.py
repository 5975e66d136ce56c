"""Cancel, resume and extend a run while real workers train it."""

import time

from tests.faults.fleet import ENGINE, LEASE_S, kill_tree


def test_a_run_is_cancelled_for_good_until_it_is_resumed(fleet, uninterrupted):
    worker = fleet.start_worker()
    fleet.submit("--members", "2")
    watching = fleet.watch()
    fleet.wait_for_epoch(5)

    cancelled = fleet.place.run("cancel", "last")

    assert (cancelled.returncode, cancelled.stderr) == (0, "")
    assert watching.ended() == 5
    assert "deepchord resume" in watching.err[-1]
    worker.wait_for("was cancelled")
    kill_tree(worker)
    fleet.broker.kill()
    fleet.broker.start()
    fleet.start_worker()
    time.sleep(2 * LEASE_S)
    assert fleet.store.recorded(fleet.run_id) == []
    assert [len(fleet.attempts(index)) for index in range(2)] == [1, 0]
    reached = fleet.saved()
    resumed = fleet.place.run("resume", "last", "--detach")
    assert resumed.returncode == 0, resumed.stderr
    fleet.wait_for_epoch(reached + 2)
    fleet.training_process().kill()
    fleet.evaluated(fleet.watch())
    assert fleet.member().weights_sha256 == uninterrupted.weights_sha256


def test_a_member_that_is_cancelled_is_left_out(fleet):
    fleet.start_worker()
    fleet.submit("--members", "2", "--epochs", "100000", "--min-members", "1")
    watching = fleet.watch()
    fleet.wait_for_epoch(3, index=0)

    assert fleet.place.run("cancel", "last", "--member", "0").returncode == 0
    fleet.wait_for_epoch(3, index=1)
    assert fleet.place.run("cancel", "last", "--member", "1").returncode == 0

    assert watching.ended() == 3
    assert "0 members were trained, min_members is 1" in watching.err[-1]
    again = fleet.place.run("cancel", "last", "--member", "1")
    assert (again.returncode, "has ended already" in again.stderr) == (2, True)


def test_a_run_that_is_extended_keeps_its_members_and_evaluates_all(fleet):
    fleet.start_worker()
    fleet.submit("--epochs", "3")
    fleet.evaluated(fleet.watch())
    before = fleet.member(0)

    extended = fleet.place.run("extend", "last", "--members", "3", "--out", "results")

    assert extended.returncode == 0, extended.stderr
    assert fleet.member(0) == before
    run = fleet.run
    assert (run.members, run.extension) == (3, 1)
    assert fleet.store.evaluation(run).trained == 3
    assert [fleet.member(index).attempt for index in range(3)] == [1, 1, 1]
    assert len(list((fleet.place.folder / "results").glob("*.hdf5"))) == 3
    fresh = fleet.place.run("train", "--detach", fleet.recipe, "--members", "3", "--epochs", "3")
    fleet.run_id = fresh.stdout.split()[1]
    fleet.evaluated(fleet.watch())
    assert [fleet.member(index).weights_sha256 for index in range(3)] == [
        fleet.store.record(run.run_id, index).member.weights_sha256 for index in range(3)
    ]


def test_an_interrupted_local_run_goes_on_where_it_stopped(new_place, long_recipe, uninterrupted):
    place = new_place(DEEPCHORD_ENGINE=ENGINE)
    training = place.start("train", "--local", long_recipe)
    training.wait_for("member 0 epoch ")
    training.interrupt()
    assert training.ended() == 130
    assert "`deepchord resume" in training.err[-1]

    resumed = place.run("resume", "last", "--out", "results")

    assert resumed.returncode == 0, resumed.stderr
    store = place.store
    member = store.record(store.run_ids()[0], 0).member
    assert member.attempt == 2
    assert member.weights_sha256 == uninterrupted.weights_sha256
    assert (place.folder / "results" / "index.html").exists()
