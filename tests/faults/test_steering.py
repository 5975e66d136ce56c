"""Cancel, resume and extend a run while real workers train it."""

import signal

from deepchord.shared.broker import KEY_PREFIX
from deepchord.shared.queue import QUEUE
from tests.faults.fleet import kill_tree
from tests.waiting import wait_until


def test_a_run_is_cancelled_for_good_until_it_is_resumed(fleet, uninterrupted):
    worker = fleet.start_worker()
    fleet.submit("--members", "2", held_after=5)
    watching = fleet.watch()
    fleet.hold_after(5)
    queued = fleet.broker.client.lrange(f"{KEY_PREFIX}{QUEUE}", 0, -1)
    # That of the first member may have been sent twice, where its worker was slow to begin.
    of_the_second = next(message for message in queued if b"member-001" in message)

    cancelled = fleet.place.run("cancel", "last")

    assert (cancelled.returncode, cancelled.stderr) == (0, "")
    assert watching.ended() == 5
    assert "deepchord resume" in watching.err[-1]
    worker.wait_for("was cancelled")
    # Else the member's message would be sent behind that of the second one, until its lease is over.
    wait_until(lambda: fleet.lease() is None, "the lease of the cancelled member to be given back")
    kill_tree(worker)
    fleet.broker.kill()
    fleet.broker.start()
    # Whether the killed worker had this message already is left to chance; the next one gets it in any case.
    fleet.broker.client.delete(f"{KEY_PREFIX}{QUEUE}", f"{KEY_PREFIX}unacked", f"{KEY_PREFIX}unacked_index")
    fleet.broker.client.lpush(f"{KEY_PREFIX}{QUEUE}", of_the_second)
    fleet.start_worker().wait_for("member-001] received")
    wait_until(lambda: fleet.broker.client.hlen(f"{KEY_PREFIX}unacked") == 0, "the message to be done with")
    assert fleet.store.recorded_members(fleet.run_id) == []
    assert [len(fleet.attempts(index)) for index in range(2)] == [1, 0]
    reached = fleet.saved()
    resumed = fleet.place.run("resume", "last", "--detach")
    assert resumed.returncode == 0, resumed.stderr
    fleet.hold_after(reached + 2)
    fleet.training_process().kill()
    fleet.gate.open()
    fleet.evaluated(fleet.watch())
    assert fleet.member().weights_sha256 == uninterrupted.weights_sha256


def test_a_member_that_is_cancelled_is_left_out(fleet):
    fleet.start_worker()
    fleet.submit("--members", "2", "--min-members", "1", held_after=3)
    watching = fleet.watch()
    fleet.hold_after(3, index=0)

    assert fleet.place.run("cancel", "last", "--member", "0").returncode == 0
    fleet.hold_after(3, index=1)
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
    assert fleet.store.evaluation(run).result().trained == 3
    assert [fleet.member(index).attempt for index in range(3)] == [1, 1, 1]
    assert len(list((fleet.place.folder / "results").glob("*.hdf5"))) == 3
    fresh = fleet.place.run("train", "--detach", fleet.recipe, "--members", "3", "--epochs", "3")
    fleet.run_id = fresh.stdout.split()[1]
    fleet.evaluated(fleet.watch())
    assert [fleet.member(index).weights_sha256 for index in range(3)] == [
        fleet.store.member(run.run_id, index).record().member.weights_sha256 for index in range(3)
    ]


def test_an_interrupted_local_run_goes_on_where_it_stopped(new_place, long_recipe, uninterrupted):
    place = new_place()
    place.gate.hold(after=3)
    training = place.start("train", "--local", long_recipe)
    training.wait_for("member 0 epoch ")
    place.gate.wait_for(3)
    training.interrupt()
    assert training.ended() == 130
    assert "`deepchord resume" in training.err[-1]
    place.gate.open()

    resumed = place.run("resume", "last", "--out", "results")

    assert resumed.returncode == 0, resumed.stderr
    store = place.store
    member = store.member(store.run_ids()[0], 0).record().member
    assert member.attempt == 2
    assert member.weights_sha256 == uninterrupted.weights_sha256
    assert (place.folder / "results" / "index.html").exists()


def test_a_local_run_is_watched_from_another_terminal_which_sees_that_its_command_was_killed(new_place, long_recipe):
    place = new_place()
    place.gate.hold(after=3)
    training = place.start("train", "--local", long_recipe)
    training.wait_for("member 0 epoch ")

    watching = place.start("watch", "last")
    watching.wait_for("member 0 epoch ")
    assert not any("resume" in line for line in watching.out)
    for process in place.processes():
        if process.pid != watching.process.pid:
            process.kill()
    watching.wait_for("if it is gone, `deepchord resume` goes on")
    cancelled = place.run("cancel", "last")

    assert cancelled.returncode == 0, cancelled.stderr
    assert watching.ended() == 5, "\n".join([*watching.out, *watching.err])
    assert training.ended() == -signal.SIGKILL


def test_the_run_of_a_fleet_is_not_sent_to_the_workers_that_another_run_has_for_itself(new_place, fleet, long_recipe):
    fleet.submit()
    local = new_place(DEEPCHORD_STORAGE=str(fleet.place.storage), DEEPCHORD_LEASE_S="1")
    local.gate.hold(after=3)
    training = local.start("train", "--local", long_recipe)
    training.wait_for("member 0 epoch ")

    watching = local.start("watch", fleet.run_id)
    watching.wait_for("no broker answers here")
    refused = local.run("reconcile", fleet.run_id)

    assert (refused.returncode, "No broker is given" in refused.stderr) == (2, True)
    local.gate.open()
    assert training.ended() == 0, training.err
    assert fleet.attempts() == ()


def test_a_reconciler_that_is_interrupted_or_terminated_says_so_and_not_that_the_run_is_evaluated(fleet):
    fleet.submit()
    service = fleet.place.start("reconcile", "--all")
    reconciling = fleet.place.start("reconcile", "last")
    fleet.wait_for_looks(2)

    reconciling.interrupt()

    assert reconciling.ended() == 130
    assert reconciling.err[-1].startswith("error: Interrupted: this command does not send again any more")
    service.process.terminate()
    assert service.ended() == 130
    assert service.err[-1] == "error: Interrupted: this command does not send again any more what runs lose."
