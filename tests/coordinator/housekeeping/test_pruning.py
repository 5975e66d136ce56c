"""What `deepchord prune` really does to a storage in a folder."""

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from deepchord.coordinator.housekeeping import PrunePlan, plan_prune, prune, prune_rules, survey_storage
from deepchord.coordinator.housekeeping.prune_plan import LEAST_AGE
from deepchord.coordinator.runs import extend_run, plan_extension
from deepchord.shared.datasets import load_dataset, publish_dataset
from deepchord.shared.datasets.shards import Sharding
from deepchord.shared.errors import InputError, ObjectNotFoundError
from deepchord.shared.messages import RunSpec, StudySpec
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore, input_keys, keys, read_pruning
from tests.coordinator.housekeeping.examples import evaluated, submitted, train, weights
from tests.shared.datasets.examples import small_dataset

#: Later than all that the tests write, by more than what is unused has to wait.
LATER = datetime.now(UTC) + 2 * LEAST_AGE


def planned(store: RunStore, keep: str = "all", now: datetime = LATER, days: int = 1) -> PrunePlan:
    rules = prune_rules(timedelta(days=days), keep, now)
    return plan_prune(survey_storage(store, rules, lambda run: run.labels.owner in (None, "me")), rules)


def do(store: RunStore, plan: PrunePlan) -> int:
    return prune(store, plan, "me", lambda: plan.rules.now)


def has_weights(store: RunStore, run: RunSpec) -> list[tuple[int, int]]:
    found = [keys.attempt_file(key) for key in store.objects.list(keys.run_folder(run.run_id))]
    return [(each[0], each[1]) for each in found if each is not None and each[2] == keys.WEIGHTS]


def test_of_an_old_run_goes_what_no_record_names_and_of_others_nothing(store):
    run, other = evaluated(store), evaluated(store, brightness=1, owner="bob@box")
    young = evaluated(store, brightness=2, at=LATER - timedelta(hours=1))

    plan = planned(store, days=1)
    (cut,) = plan.runs

    # Three training states, and the weights and probabilities of the first attempt at member 1.
    assert len(cut.surplus) == 5
    assert (cut.weights, plan.of_others) == ((), (other.run_id,))
    before = sum(entry.size_bytes for entry in store.objects.entries(""))
    assert do(store, plan) == before - sum(entry.size_bytes for entry in store.objects.entries(""))
    assert has_weights(store, run) == [(0, 1), (1, 2)]
    assert has_weights(store, other) == has_weights(store, young) == [(0, 1), (1, 1), (1, 2)]
    assert [planned(store).runs, do(store, planned(store))] == [(), 0]
    member = store.member(run.run_id, 1)
    assert member.weights(2, member.record().member.weights_sha256) == weights(run, 1)


@pytest.mark.parametrize(("keep", "left"), [("best", [(1, 2)]), ("none", [])])
def test_a_run_without_all_its_weights_says_so_whatever_is_done_with_it(store, keep, left):
    run = evaluated(store)

    do(store, planned(store, keep))

    assert has_weights(store, run) == left
    assert read_pruning(store.objects, run.run_id).kept == keep
    with pytest.raises(InputError, match=r"has no more than its results: me removed its weights on .* stayed\."):
        store.member(run.run_id, 0).weights(1, "0" * 64)
    with pytest.raises(InputError, match="trains it anew"):
        extend_run(store, plan_extension(run, 3, None))
    assert list(store.specs(run.run_id)) == [run]
    assert store.evaluation(run).result() is not None
    assert load_dataset(run.dataset, store, Path(store.objects.url) / "cache").name == "tiny"


def test_weights_that_are_lost_are_said_to_be_lost_if_nobody_removed_them(store):
    run = evaluated(store)
    store.objects.delete(keys.weights(run.run_id, 0, 1))

    with pytest.raises(ObjectNotFoundError, match=r"weights\.hdf5"):
        store.member(run.run_id, 0).weights(1, "0" * 64)


def test_whatever_goes_on_keeps_all_that_it_may_need(store):
    extended, studied = (evaluated(store, brightness=number) for number in range(2))
    train(store, submitted(store, brightness=3), 0, accuracy=0.5)
    extend_run(store, plan_extension(extended, 3, None))
    spec = StudySpec(run_id=studied.run_id, extension=0, name="shifts", requested_at=LATER)
    store.study(studied.run_id, "shifts").create(spec)
    before = list(store.objects.list("runs/"))

    plan = planned(store, "none")

    assert plan.runs == ()
    do(store, plan)
    assert list(store.objects.list("runs/")) == before


@pytest.mark.parametrize("begun", ["an extension", "a study"])
def test_a_run_that_goes_on_after_the_plan_was_made_is_left(store, begun):
    run = evaluated(store)
    plan = planned(store, "none")
    if begun == "a study":
        spec = StudySpec(run_id=run.run_id, extension=0, name="shifts", requested_at=LATER)
        store.study(run.run_id, "shifts").create(spec)
    else:
        extend_run(store, plan_extension(run, 3, None))

    assert do(store, plan) == 0
    assert read_pruning(store.objects, run.run_id) is None
    assert len(has_weights(store, run)) == 3


def test_a_run_that_is_gone_since_the_plan_was_made_comes_not_back(store):
    run = evaluated(store)
    plan = planned(store, "none")
    for key in list(store.objects.list(keys.run_folder(run.run_id))):
        store.objects.delete(key)

    assert do(store, plan) == 0
    assert list(store.objects.list("runs/")) == []


def test_what_no_run_uses_goes_a_day_after_it_was_published_last(store):
    used = submitted(store)
    unused = store.inputs.publish_initial_weights(b"weights")
    images = publish_dataset(small_dataset(), store)

    assert planned(store, now=datetime.now(UTC)).loose == ()
    plan = planned(store)
    assert {each.sha256 for each in plan.loose} == {unused, images.sha256}
    assert do(store, plan) == plan.size_bytes > 0

    left = [*store.objects.list("datasets/"), *store.objects.list("initial-weights/")]
    assert left == [input_keys.dataset(used.dataset.sha256)]
    assert list(store.objects.list("publications/")) == [input_keys.publication(used.dataset.sha256)]


def make_old(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (time.time() - 9e6, time.time() - 9e6))


def test_an_old_data_set_that_somebody_is_about_to_use_again_stays(store, tmp_path):
    publish_dataset(small_dataset(), store)
    for key in list(store.objects.list("publications/")):  # as an earlier version left it
        store.objects.delete(key)
    make_old(tmp_path / "storage")
    now = datetime.now(UTC)
    assert len(planned(store, now=now).loose) == 1

    plan = planned(store, now=now)
    info = publish_dataset(small_dataset(), store)  # it is there already, and the run is yet to come

    assert do(store, plan) == 0
    assert planned(store, now=now).loose == ()
    assert load_dataset(info, store, tmp_path / "cache").name == info.name


def test_a_run_that_was_submitted_after_the_plan_was_made_keeps_its_data_set(store, tmp_path):
    info = publish_dataset(small_dataset(), store)
    plan = planned(store)
    run = submitted(store).model_copy(update={"run_id": "new", "dataset": info})
    store.create_run(run)

    do(store, plan)

    assert load_dataset(info, store, tmp_path / "cache").name == info.name


def test_shards_stay_as_long_as_one_data_set_has_them(store):
    small = Sharding(one_file_bytes=0, shard_bytes=40)
    one = small_dataset()
    first = publish_dataset(replace(one, x_test=one.x_test + 100), store, sharding=small)
    second = publish_dataset(one, store, sharding=small)
    run = submitted(store).model_copy(update={"run_id": "sharded", "dataset": second})
    store.create_run(run)

    plan = planned(store)
    do(store, plan)

    gone = {each.sha256 for each in plan.loose}
    assert first.sha256 in gone
    assert len(gone) > 1
    assert np.array_equal(load_dataset(second, store, Path(store.objects.url).parent / "cache").x_train, one.x_train)
    store.objects.replace(input_keys.dataset_manifest(second.sha256), b"damaged")
    assert planned(store).loose == ()


def test_what_crashes_left_goes(store, tmp_path):
    run = submitted(store)
    store.objects.create("runs/half-deleted/members/000/record.json", b"{}")
    store.objects.create("probes/0", b"deepchord")
    (tmp_path / "storage" / "runs" / run.run_id / ".writing-0").write_bytes(b"12345")
    plan = planned(store)

    assert [each.kind for each in plan.loose] == ["remains", "remains"]
    assert [each.key for each in plan.leftovers] == [f"runs/{run.run_id}/.writing-0"]
    store.objects.create(keys.run("half-deleted"), run.model_copy(update={"run_id": "half-deleted"}).encode())
    do(store, plan)
    assert list(store.objects.list("probes/")) == []
    # An import has made it whole meanwhile.
    assert store.run_ids() == sorted([run.run_id, "half-deleted"])
    assert store.objects.exists("runs/half-deleted/members/000/record.json")


def test_nothing_goes_that_a_damaged_run_may_use(store, tmp_path):
    run = submitted(store)
    store.objects.replace(keys.run(run.run_id), b"{}")

    plan = planned(store)

    assert (plan.loose, plan.unreadable) == ((), (run.run_id,))


@pytest.mark.slow
def test_in_the_broker_what_nobody_dated_is_noted_first(broker_url):
    store = RunStore.open(Settings(storage="broker://", broker=broker_url))
    run = evaluated(store)
    store.inputs.publish_initial_weights(b"weights")
    store.objects.create("runs/half-deleted/members/000/record.json", b"{}")

    plan = planned(store, "none")
    assert [len(plan.undated), len(plan.loose), len(plan.runs)] == [1, 1, 1]
    do(store, plan)
    assert has_weights(store, run) == []
    assert store.objects.exists("runs/half-deleted/members/000/record.json")
    again = planned(store)
    assert [each.stored[0].key for each in again.loose] == ["runs/half-deleted/members/000/record.json"]
    do(store, again)
    assert not store.objects.exists("runs/half-deleted/members/000/record.json")
