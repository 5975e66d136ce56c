from deepchord.coordinator.reconciliation import ActiveRuns
from deepchord.shared.storage import RunStore
from tests.shared.storage.examples import run_spec


def test_runs_that_have_ended_are_left_out_for_a_minute_for_they_may_be_extended(store: RunStore):
    now = 0.0
    active_runs = ActiveRuns(store, lambda: now)
    run, later = run_spec(), run_spec().model_copy(update={"run_id": "later"})
    store.create_run(run)

    active_runs.mark_ended(run.run_id)
    store.create_run(later)

    assert active_runs.ids() == ["later"]
    now = 61.0
    assert active_runs.ids() == [run.run_id, "later"]
