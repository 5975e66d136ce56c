"""Views of runs at different stages, and what is shown of them."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from deepchord.coordinator.monitoring import RunView, render, show
from deepchord.coordinator.monitoring.run_view import EnsembleSoFar
from deepchord.coordinator.runs import plan_member, plan_request, plan_run
from deepchord.shared.command_line import PrintableConsole
from deepchord.shared.messages import (
    DatasetInfo,
    EpochMetrics,
    FailedMember,
    MemberProgress,
    MemberRecord,
    RunSpec,
    TrainedMember,
    Trainer,
)
from deepchord.shared.network import Architecture, Dense, Flatten

DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(2, 2, 1), class_names=("0", "1", "2"), train_size=10, test_size=200
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
TRAINER = Trainer(host="a-rather-long-hostname.example", engine="tensorflow", engine_version="2", device="GPU:0")
OFFLINE = "no broker answers here: this is what storage tells"
ERROR = "EngineError: The training loss became nan in epoch 1; lower the learning rate, or distrust this device."


def now() -> datetime:
    return datetime.now(UTC)


def run_of(members: int, minutes: int = 107, **options: Any) -> RunSpec:
    request = plan_request(None, {"preset": "notebook", "members": members, "seed": 1, **options})
    return plan_run(request, TINY, DATASET, max_attempts=3, now=now() - timedelta(minutes=minutes))


def epoch(accuracy: float = 0.9234) -> EpochMetrics:
    return EpochMetrics(
        train_loss=0.20714,
        train_accuracy=accuracy,
        validation_loss=1.0,
        validation_accuracy=accuracy,
        duration_s=3700.0,
    )


def trained(run: RunSpec, index: int) -> MemberRecord:
    return MemberRecord(
        member=TrainedMember(
            spec=plan_member(run.run_id, run.seed, index),
            attempt=1,
            trainer=TRAINER,
            started_at=run.created_at,
            finished_at=run.created_at + timedelta(seconds=61),
            history=(epoch(0.5), epoch(0.75), epoch(0.7)),
            best_epoch=2,
            weights_sha256="0" * 64,
            probabilities_sha256="0" * 64,
        )
    )


def failed(run: RunSpec, index: int, error: str = ERROR) -> MemberRecord:
    spec = plan_member(run.run_id, run.seed, index)
    return MemberRecord(
        member=FailedMember(spec=spec, attempt=3, trainer=TRAINER, finished_at=run.created_at, error=error)
    )


def line(index: int, **changes: Any) -> MemberProgress:
    first = {
        "index": index, "attempt": 1, "trainer": TRAINER, "phase": "training", "epochs_done": 12, "epochs": 25,
        "epoch_share": 0.5, "last": epoch(), "started_at": now(), "updated_at": now(),
    }  # fmt: skip
    return MemberProgress.model_validate(first | changes)


def busy_view(members: int, **changes: Any) -> RunView:
    """Members that are trained, failed, at work and waiting, as far as there are so many."""
    run = run_of(members)
    records = {0: trained(run, 0), 1: failed(run, 1)}
    view = {
        "records": {index: record for index, record in records.items() if index < members},
        "progress": {index: line(index) for index in (2, 3, 4) if index < members},
        "notes": {2: ERROR} if members > 2 else {},
        "so_far": EnsembleSoFar(members=1, test_accuracy=0.9123, test_loss=0.25),
    }
    return RunView(run=run, **(view | changes))


def rendered(view: RunView, width: int = 120, height: int | None = None) -> list[str]:
    console = PrintableConsole(file=io.StringIO(), width=width, record=True, color_system=None)
    console.print(render(view, width, height))
    return console.export_text().splitlines()


def shown_in_lines(*views: RunView) -> list[str]:
    console = PrintableConsole(file=io.StringIO(), width=40)
    assert show(iter(views), console) is views[-1]
    return console.file.getvalue().splitlines()
