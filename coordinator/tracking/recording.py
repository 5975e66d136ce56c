"""Records a run in a tracker: all that storage has of it, and the tracker has not."""

import tempfile
from pathlib import Path

from deepchord.coordinator.report import write_run_report
from deepchord.coordinator.tracking.tracker import ENSEMBLE, OpenRun, Tracker
from deepchord.coordinator.tracking.values import epochs, parameters, scores
from deepchord.shared.errors import DamagedRecordError
from deepchord.shared.messages import RunSpec, TrainedMember
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

_PARAMETERS = "parameters"


def record_run(settings: Settings, store: RunStore, run: RunSpec, tracker: Tracker, *, with_report: bool) -> None:
    """Record what there is of a run by now; to do so again adds what is new.

    Args:
        settings: Where the cache of data sets is.
        store: Shared storage.
        run: The run.
        tracker: Where to.
        with_report: Whether to draw the report of an evaluated run and to record it, too.

    Raises:
        TrackerError: The tracker cannot be written to.
        DeepchordError: Storage does not answer, or the report cannot be made.
    """
    opened = tracker.open(run)
    if not opened.has(ENSEMBLE, _PARAMETERS):
        opened.write_parameters(_PARAMETERS, parameters(run), run.created_at)
    _record_members(store, run, opened)
    # An extended run has one evaluation for each of its versions.
    for version in reversed(list(store.specs(run.run_id))):
        _record_scores(store, version, opened)
    _record_end(settings, store, run, opened, with_report=with_report)
    opened.close()


def _record_members(store: RunStore, run: RunSpec, opened: OpenRun) -> None:
    for index in store.recorded_members(run.run_id):
        group = f"member-{index:03d}"
        if opened.has(group, group):
            continue
        try:
            record = store.member(run.run_id, index).record()
        except DamagedRecordError:
            continue  # it is trained again
        if record is not None and isinstance(record.member, TrainedMember):
            opened.write_points(group, group, epochs(record.member))


def _record_scores(store: RunStore, run: RunSpec, opened: OpenRun) -> None:
    part = f"evaluation-{run.extension:03d}"
    evaluation = None if opened.has(ENSEMBLE, part) else store.evaluation(run).result()
    if evaluation is not None:
        opened.write_points(ENSEMBLE, part, [scores(run, evaluation)])


def _record_end(settings: Settings, store: RunStore, run: RunSpec, opened: OpenRun, *, with_report: bool) -> None:
    stored, part = store.evaluation(run), f"report-{run.extension:03d}"
    evaluation, failure, cancellation = stored.result(), stored.failure(), store.cancellation(run.run_id)
    if evaluation is not None:
        if with_report and not opened.has(ENSEMBLE, part):
            with tempfile.TemporaryDirectory(prefix="deepchord-report-") as folder:
                write_run_report(settings, store, run, Path(folder))
                opened.write_report(part, Path(folder), evaluation.evaluated_at)
        opened.end("evaluated", evaluation.evaluated_at)
    elif failure is not None:
        opened.end("failed", failure.failed_at)
    elif cancellation is not None:
        opened.end("cancelled", cancellation.cancelled_at)
