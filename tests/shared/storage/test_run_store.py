import pytest

from deepchord.shared.errors import CorruptObjectError, InputError, MessageDecodeError, RunNotFoundError
from deepchord.shared.messages import Cancellation, RunLabels
from deepchord.shared.storage import keys
from tests.records import commit_record
from tests.shared.storage.examples import NOW, RUN, evaluation, failed, run_spec, sha256, trained


def test_a_run_is_created_once_and_read_back(store):
    assert store.create_run(run_spec())
    assert not store.create_run(run_spec())

    assert store.run(RUN) == run_spec()


@pytest.mark.parametrize("run_id", ["absent", "../up", "", "UPPER", "one\n", "a/b", "a" * 65])
def test_a_run_that_is_not_there_is_named_with_where_to_look(store, run_id):
    with pytest.raises(RunNotFoundError, match=r"There is no run .*; `deepchord runs` lists those there are"):
        store.run(run_id)


def test_runs_are_listed_oldest_first_without_those_half_made(store):
    for run_id in ("2026-02-01-b", "2026-01-01-c", "2026-03-01-a"):
        store.create_run(run_spec(run_id))
    store.objects.create("runs/2026-01-15-stray/members/000/record.json", b"{}")

    assert store.run_ids() == ["2026-01-01-c", "2026-02-01-b", "2026-03-01-a"]


def test_a_run_written_by_a_later_version_is_named(store):
    text = run_spec().encode().replace(b'"protocol": 1', b'"protocol": 2').replace(b'"protocol":1', b'"protocol":2')
    store.objects.create(f"runs/{RUN}/run.json", text)

    with pytest.raises(MessageDecodeError, match=rf"runs/{RUN}/run\.json is not .*: it is of deepchord .*protocol 2"):
        store.run(RUN)


def test_a_run_that_is_extended_is_read_with_its_new_members_and_ends_anew(store):
    run = run_spec()
    store.create_run(run)
    store.evaluation(run).commit_result(evaluation(b"first"), b"first")
    extended = run.model_copy(update={"members": run.members + 1, "extension": 1})

    assert store.extend_run(extended)
    assert not store.extend_run(extended)

    assert store.run(RUN) == extended
    assert store.run_ids() == [RUN]
    assert store.evaluation(extended).result() is None
    assert store.evaluation(extended).commit_result(evaluation(b"second"), b"second")
    assert store.evaluation(extended).probabilities(sha256(b"second")) == b"second"
    assert store.evaluation(run).result() == evaluation(b"first")


def test_a_cancelled_run_can_be_resumed(store):
    store.create_run(run_spec())
    assert not store.is_cancelled(RUN)

    store.cancel_run(RUN, Cancellation(host="here", cancelled_at=NOW))
    assert store.is_cancelled(RUN)

    store.resume_run(RUN)
    store.resume_run(RUN)
    assert not store.is_cancelled(RUN)


def test_records_come_in_the_order_of_their_members(store):
    for record in (failed(2), trained(0)):
        commit_record(store, record)

    assert store.member(RUN, 1).record() is None
    assert list(store.records(RUN, 3)) == [trained(0), failed(2)]
    assert store.recorded_members(RUN) == [0, 2]


def test_a_data_set_is_published_once_and_verified(store):
    name = sha256(b"images")
    assert not store.inputs.has_dataset(name, b"images")

    store.inputs.publish_dataset(name, b"images")
    store.inputs.publish_dataset(name, b"images")

    assert store.inputs.has_dataset(name, b"images")
    assert store.inputs.dataset(name) == b"images"


def test_a_damaged_data_set_is_found_out(store):
    store.inputs.publish_dataset(sha256(b"images"), b"imagex")

    assert not store.inputs.has_dataset(sha256(b"images"), b"images")
    with pytest.raises(CorruptObjectError, match=r"datasets/.*\.npz is damaged"):
        store.inputs.dataset(sha256(b"images"))


def test_the_specs_of_a_run_are_its_extensions_and_what_it_was_the_newest_first(store):
    run = run_spec()
    store.create_run(run)
    extensions = [run.model_copy(update={"members": run.members + n, "extension": n}) for n in range(1, 12)]
    for extension in extensions:
        store.extend_run(extension)

    assert list(store.specs(RUN)) == [*reversed(extensions), run]


def test_a_run_is_found_by_its_id_or_as_the_latest(store):
    with pytest.raises(InputError, match=r"There are no runs in .* yet"):
        store.find("last")
    store.create_run(run_spec("2026-01-01-a"))
    store.create_run(run_spec("2026-02-01-b"))

    assert store.find("last").run_id == "2026-02-01-b"
    assert store.find("2026-01-01-a").run_id == "2026-01-01-a"
    with pytest.raises(RunNotFoundError):
        store.find("2026-03-01-c")


def test_a_run_is_found_by_its_name_if_only_one_has_it(store):
    for run_id, name in (("2026-01-01-a", "one"), ("2026-01-02-b", "two"), ("2026-01-03-c", "two"), ("one-1", "2")):
        store.create_run(run_spec(run_id).model_copy(update={"labels": RunLabels(name=name)}))
    store.objects.create(keys.run("2026-01-04-damaged"), b"{}")

    assert store.find("one").run_id == "2026-01-01-a"
    assert store.find("one-1").run_id == "one-1"
    with pytest.raises(
        InputError, match=r"2 runs in .* are called two: give the id of one, 2026-01-02-b, 2026-01-03-c\."
    ):
        store.find("two")
    with pytest.raises(RunNotFoundError, match="There is no run 'Three'"):
        store.find("Three")


def test_an_extension_of_a_run_is_read_by_its_number_and_missed_if_it_is_lost(store):
    run = run_spec()
    store.create_run(run)
    extended = run.model_copy(update={"members": run.members + 1, "extension": 1})
    store.extend_run(extended)

    assert (store.version(RUN, 0), store.version(RUN, 1)) == (run, extended)
    with pytest.raises(CorruptObjectError, match="has lost its extension 2"):
        store.version(RUN, 2)
