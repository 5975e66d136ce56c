import threading
from datetime import UTC, datetime

import pytest
import redis

from deepchord.shared.broker import ProgressBoard, connect_lazily
from deepchord.shared.messages import EpochMetrics, MemberProgress, Trainer
from deepchord.shared.settings import Settings, load_settings
from deepchord.worker.execution.outcomes import MemberTaken, WorkerLeaving
from deepchord.worker.execution.progress_reporter import ProgressReporter
from deepchord.worker.training import TrainingState

RUN = "20260101-000000-beef"
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def first(trainer: Trainer) -> MemberProgress:
    return MemberProgress(
        index=3,
        attempt=1,
        trainer=trainer,
        phase="preparing",
        epochs_done=0,
        epochs=25,
        epoch_share=0.0,
        started_at=START,
        updated_at=START,
    )


@pytest.fixture
def board(settings: Settings) -> ProgressBoard:
    return ProgressBoard(connect_lazily(settings))


def metrics(validation_accuracy: float, validation_loss: float = 0.25) -> EpochMetrics:
    return EpochMetrics(
        train_loss=0.5,
        train_accuracy=0.5,
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        duration_s=1.0,
    )


def state(*history: EpochMetrics) -> TrainingState:
    """The state after these epochs."""
    accuracies = [epoch.validation_accuracy for epoch in history]
    best = accuracies.index(max(accuracies)) + 1
    return TrainingState(weights=(), best_weights=(), best_epoch=best, history=history)


def ignore(line: str) -> None:
    pass


def test_a_member_that_only_prepares_is_seen(board: ProgressBoard, first: MemberProgress):
    with ProgressReporter(board, RUN, first, ignore):
        pass

    found = board.read(RUN)[3]
    assert found.phase == "preparing"
    assert found.started_at == START
    assert found.updated_at > START


def test_the_last_line_is_published_before_the_reporter_is_left(board: ProgressBoard, first: MemberProgress):
    history = (metrics(0.9), metrics(0.7))

    with ProgressReporter(board, RUN, first, ignore) as reporter:
        reporter.epoch(state(*history))
        reporter.batch(2, 0.4)

    found = board.read(RUN)[3]
    assert (found.phase, found.epochs_done, found.epoch_share) == ("training", 2, 0.4)
    assert found.last == metrics(0.7)
    assert found.best_validation_accuracy == 0.9


def test_a_member_that_scores_the_test_images_says_so(board: ProgressBoard, first: MemberProgress):
    with ProgressReporter(board, RUN, first, ignore) as reporter:
        reporter.batch(0, 0.5)
        reporter.scoring()

    found = board.read(RUN)[3]
    assert (found.phase, found.epoch_share) == ("scoring", 0.0)


def end_with(error: type[Exception], board: ProgressBoard, first: MemberProgress) -> None:
    with ProgressReporter(board, RUN, first, ignore) as reporter:
        reporter.epoch(state(metrics(0.5)))
        reporter.batch(1, 0.5)
        raise error


@pytest.mark.parametrize("error", [WorkerLeaving, ValueError])
def test_a_member_waits_again_when_its_attempt_has_ended_without_a_record(
    board: ProgressBoard, first: MemberProgress, error: type[Exception]
):
    with pytest.raises(error):
        end_with(error, board, first)

    found = board.read(RUN)[3]
    assert (found.phase, found.epochs_done, found.epoch_share) == ("waiting", 1, 0.0)


def test_the_line_of_whoever_has_taken_the_member_is_left_alone(
    board: ProgressBoard, first: MemberProgress, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("deepchord.worker.execution.progress_reporter._EVERY_S", 60)
    board.publish(RUN, first.model_copy(update={"attempt": 2}))

    with pytest.raises(MemberTaken):
        end_with(MemberTaken, board, first)

    assert (board.read(RUN)[3].attempt, board.read(RUN)[3].epochs_done) == (2, 0)


def test_rounding_above_a_whole_epoch_is_no_invalid_line(board: ProgressBoard, first: MemberProgress):
    with ProgressReporter(board, RUN, first, ignore) as reporter:
        reporter.batch(0, 1.0000000000000002)

    assert board.read(RUN)[3].epoch_share == 1.0


def test_lines_are_published_while_training_goes_on(
    board: ProgressBoard, first: MemberProgress, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("deepchord.worker.execution.progress_reporter._EVERY_S", 0.01)

    with ProgressReporter(board, RUN, first, ignore) as reporter:
        reporter.batch(4, 0.5)
        while not (found := board.read(RUN)) or found[3].epochs_done != 4:
            pass


def test_each_epoch_is_told_in_one_line_off_the_training_thread(board: ProgressBoard, first: MemberProgress):
    told: list[tuple[str, bool]] = []

    def tell(line: str) -> None:
        told.append((line, threading.current_thread() is threading.main_thread()))

    with ProgressReporter(board, RUN, first, tell) as reporter:
        reporter.epoch(state(metrics(0.5)))
        reporter.epoch(state(metrics(0.5), metrics(0.75, 0.125)))

    assert told == [
        ("epoch 1/25 val_loss 0.2500 val_acc 0.5000", False),
        ("epoch 2/25 val_loss 0.1250 val_acc 0.7500", False),
    ]


def test_trouble_with_telling_does_not_reach_training(
    board: ProgressBoard, first: MemberProgress, caplog: pytest.LogCaptureFixture
):
    def fail(line: str) -> None:
        raise redis.ConnectionError("nobody there")

    with (
        caplog.at_level("INFO", "deepchord.worker.execution.progress_reporter"),
        ProgressReporter(board, RUN, first, fail) as reporter,
    ):
        reporter.epoch(state(metrics(0.5)))

    assert board.read(RUN)[3].epochs_done == 1
    assert "could not be reported to Flower" in caplog.text


def test_a_broker_that_does_not_answer_is_no_trouble(
    free_port: int, first: MemberProgress, caplog: pytest.LogCaptureFixture
):
    board = ProgressBoard(connect_lazily(load_settings(broker=f"redis://127.0.0.1:{free_port}/0")))

    with caplog.at_level("INFO"), ProgressReporter(board, RUN, first, ignore) as reporter:
        reporter.batch(0, 0.5)

    assert "Progress of member 3 could not be published" in caplog.text


def test_what_ends_the_training_leaves_the_reporter_and_its_thread_ends(board: ProgressBoard, first: MemberProgress):
    before = threading.active_count()

    with pytest.raises(ZeroDivisionError), ProgressReporter(board, RUN, first, ignore):
        1 / 0  # noqa: B018  it is to raise

    assert threading.active_count() == before
