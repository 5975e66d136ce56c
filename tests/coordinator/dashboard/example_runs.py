"""Runs at all stages in one storage, as the list of the dashboard shows them."""

import shutil
from datetime import timedelta
from pathlib import Path

from deepchord.coordinator.runs import cancel_run, plan_request, plan_run
from deepchord.shared.messages import (
    AttemptFailure,
    AttemptNote,
    DatasetInfo,
    FailedMember,
    MemberRecord,
    RunFailure,
    RunSpec,
)
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from tests.coordinator.evaluated_run import evaluate
from tests.coordinator.followed_run import NOW, TINY, commit
from tests.coordinator.monitoring.example_views import ERROR, TRAINER, plan_member, trained
from tests.environments import ROOT
from tests.records import commit_record

STORED = ROOT / "tests" / "data" / "stored_runs" / "storage"
#: A run that was really trained, with its report.
REAL = "20261129-005357-bfcd"
HOSTILE = "<img src=x onerror='window.owned = 1'><script>window.owned = 1</script>"
DATASET = DatasetInfo(
    name=HOSTILE, sha256="0" * 64, input_shape=(2, 2, 1), class_names=("0", "1"), train_size=10, test_size=20
)


def plan(number: int, dataset: DatasetInfo = DATASET, **options: object) -> RunSpec:
    """Return a run of two members that is not stored; each number has another start."""
    request = plan_request(None, {"members": 2, "seed": number, **options})
    return plan_run(request, TINY, dataset, max_attempts=3, now=NOW + timedelta(hours=number))


def begin(store: RunStore, number: int, **options: object) -> RunSpec:
    """Store a run."""
    run = plan(number, **options)
    assert store.create_run(run)
    return run


def attempt(store: RunStore, run: RunSpec, index: int, worker: str, minutes: int, *, fails: bool = False) -> int:
    """Store an attempt at a member; it is at work unless it fails."""
    started = run.created_at + timedelta(minutes=minutes)
    note = AttemptNote(host=worker.rpartition("@")[2], worker=worker, process_id=1, started_at=started)
    member = store.member(run.run_id, index)
    number = member.start_attempt(note.encode())
    if fails:
        failed_at = started + timedelta(minutes=5)
        member.fail_attempt(number, AttemptFailure(worker=worker, way="nan", error=ERROR, failed_at=failed_at))
    return number


def fill(folder: Path) -> RunStore:
    """Return a storage in a folder with a run of each kind."""
    shutil.copytree(STORED, folder)
    store = RunStore.open(Settings(storage=str(folder)))
    for number in (1, 2):
        run = begin(store, number, batch_size=32 * number)
        for index in range(2):
            attempt(store, run, index, f"w{index}@box", 0)
            commit(store, run, index)
        evaluate(store, run, 0.1)
    failed = begin(store, 3)
    attempt(store, failed, 0, "w0@box", 0, fails=True)
    spec = plan_member(failed.run_id, failed.seed, 0)
    record = FailedMember(spec=spec, attempt=1, trainer=TRAINER, finished_at=NOW + timedelta(hours=4), error=HOSTILE)
    commit_record(store, MemberRecord(member=record))
    store.evaluation(failed).commit_failure(
        RunFailure(requested=2, trained=0, reason=HOSTILE, failed_at=NOW + timedelta(hours=4))
    )
    cancel_run(store, begin(store, 4), "box")
    live = begin(store, 5)
    attempt(store, live, 0, "w0@box", 0, fails=True)
    attempt(store, live, 0, "a-worker-with-a-long-name-0@a-host-with-a-long-name", 7)
    commit_record(store, trained(live, 1))
    broken = begin(store, 6)
    (folder / "runs" / broken.run_id / "run.json").write_text("{")
    return store
