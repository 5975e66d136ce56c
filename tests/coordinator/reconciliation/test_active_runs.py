from deepchord.coordinator.reconciliation import UnendedRuns
from deepchord.shared.storage import RunStore
from tests.shared.storage.examples import run_spec


def test_runs_that_have_ended_are_left_out_for_a_minute_for_they_may_be_extended(store: RunStore):
    now = 0.0
    unended = UnendedRuns(store, lambda: now)
    run, later = run_spec(), run_spec().model_copy(update={"run_id": "later"})
    store.create_run(run)

    unended.leave_out(run.run_id)
    store.create_run(later)

    assert unended.ids() == ["later"]
    now = 61.0
    assert unended.ids() == [run.run_id, "later"]
