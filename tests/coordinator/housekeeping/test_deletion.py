"""Runs that are deleted, and those that must not be."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from deepchord.coordinator.housekeeping import delete_damaged_run, delete_run
from deepchord.coordinator.runs import cancel_run
from deepchord.shared.broker import Leases, connect, member_lease
from deepchord.shared.broker.leases import Holder
from deepchord.shared.errors import InputError, OtherVersionError, RunNotFoundError
from deepchord.shared.messages import Distillation
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore, keys
from tests.coordinator.housekeeping.examples import evaluated, submitted, weights


def test_a_run_goes_with_all_it_has_and_its_data_set_stays(store):
    run, other = evaluated(store), evaluated(store, brightness=1)
    before = {entry.key: entry.size_bytes for entry in store.objects.entries(keys.run_folder(run.run_id))}

    assert delete_run(load_settings(), store, run) == sum(before.values()) > 0

    assert store.run_ids() == [other.run_id]
    assert list(store.objects.folders("runs/")) == [other.run_id]
    assert len(list(store.objects.list("datasets/"))) == 2
    assert store.member(other.run_id, 0).weights(1, store.member(other.run_id, 0).record().member.weights_sha256) == (
        weights(other, 0)
    )
    with pytest.raises(RunNotFoundError):
        store.find(run.run_id)


def test_a_run_that_goes_on_is_left_until_it_is_cancelled(store):
    run = submitted(store)

    with pytest.raises(
        InputError, match=rf"has not ended: wait for that, or `deepchord cancel {run.run_id}`, then del"
    ):
        delete_run(load_settings(), store, run)
    assert store.run(run.run_id) == run

    cancel_run(store, run, "here")
    delete_run(load_settings(), store, run)
    assert store.run_ids() == []


def test_an_ensemble_that_another_run_learns_from_is_left(store):
    teacher = evaluated(store)
    pupil = submitted(store, brightness=1).model_copy(
        update={"run_id": "pupil", "distillation": Distillation(teacher=teacher.run_id)}
    )
    store.create_run(pupil)

    with pytest.raises(InputError, match=rf"Run pupil learns from run {teacher.run_id} and has not ended"):
        delete_run(load_settings(), store, teacher)
    cancel_run(store, pupil, "here")
    with pytest.raises(InputError, match="learns from"):  # it may be resumed
        delete_run(load_settings(), store, teacher)
    delete_run(load_settings(), store, pupil)
    delete_run(load_settings(), store, teacher)


def test_a_run_whose_spec_is_damaged_can_be_removed_and_no_other(store):
    run, damaged = evaluated(store), submitted(store, brightness=1)
    store.objects.replace(keys.run(damaged.run_id), b"{}")
    newer = submitted(store, brightness=2)
    store.objects.replace(keys.run(newer.run_id), newer.encode().replace(b'"protocol": 1', b'"protocol": 2'))

    assert [delete_damaged_run(store, each) for each in (run.run_id, "absent", "../up")] == [None] * 3
    assert delete_damaged_run(store, damaged.run_id) == 2
    with pytest.raises(OtherVersionError):
        delete_damaged_run(store, newer.run_id)
    assert store.run_ids() == sorted([run.run_id, newer.run_id])


def test_two_who_delete_a_run_at_once_both_find_it_gone(store):
    run, other = evaluated(store), evaluated(store, brightness=1)
    kept = list(store.objects.list(keys.run_folder(other.run_id)))

    with ThreadPoolExecutor(2) as both:
        freed = list(both.map(lambda _: delete_run(load_settings(), store, run), range(2)))

    assert max(freed) > 0
    assert list(store.objects.list(keys.run_folder(run.run_id))) == []
    assert list(store.objects.list(keys.run_folder(other.run_id))) == kept


@pytest.mark.slow
def test_a_cancelled_run_whose_members_are_just_being_handed_over_is_left(broker_url):
    settings = Settings(storage="broker://", broker=broker_url)
    store = RunStore.open(settings)
    run = submitted(store)
    cancel_run(store, run, "here")
    holder = Holder(worker="w", process_id=1, token="t")
    with connect(settings) as client:
        leases = Leases(client)
        leases.hold(member_lease(run.run_id, 1), holder, 60)

        with pytest.raises(InputError, match=r"Workers are handing members of run .* over just now: try again"):
            delete_run(settings, store, run)
        leases.release(member_lease(run.run_id, 1), holder)

    delete_run(settings, store, run)
    assert list(store.objects.list("runs/")) == []
