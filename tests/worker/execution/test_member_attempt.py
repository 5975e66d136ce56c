import io
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from deepchord.shared.checkpoints import decode_checkpoint, encode_checkpoint
from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import CorruptObjectError, DatasetError, EngineError
from deepchord.shared.messages import (
    FailedMember,
    InitialWeights,
    MemberRecord,
    MemberSpec,
    RunSpec,
    TrainedMember,
    Trainer,
)
from deepchord.shared.storage import RunStore, input_keys
from deepchord.worker.engines import Engine
from deepchord.worker.evaluation import predict
from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member, fail_member
from deepchord.worker.resources import Resources
from deepchord.worker.training import Observer, TrainingSetup, TrainingState, train


def attempt(
    resources: Resources,
    run: RunSpec,
    spec: MemberSpec,
    number: int,
    on_epoch: Callable[[str], None] = lambda line: None,
) -> MemberRecord:
    """An attempt that nobody ends, with no other before it."""
    return attempt_member(resources, run, spec, BegunAttempt(number=number), Observer(), on_epoch)


def test_a_trained_member_leaves_its_weights_its_probabilities_and_its_record(
    resources: Resources,
    store: RunStore,
    run: RunSpec,
    members: tuple[MemberSpec, ...],
    engine: Engine,
    dataset: Dataset,
):
    before = datetime.now(UTC)

    record = attempt(resources, run, members[1], 2)

    member = record.member
    assert isinstance(member, TrainedMember)
    assert store.member(run.run_id, 1).record() == record
    assert (member.spec, member.attempt, member.trainer) == (members[1], 2, resources.trainer)
    assert before <= member.started_at <= member.finished_at <= datetime.now(UTC)
    architecture = run.architecture.resolve(input_shape=(4, 4, 1), classes=3)
    weights = decode_checkpoint(store.member(run.run_id, 1).weights(2, member.weights_sha256), architecture, "stored")
    network, expected = train(
        engine, TrainingSetup(architecture=architecture, recipe=run.recipe, seeds=members[1].seeds, dataset=dataset)
    )
    np.testing.assert_array_equal(weights[0][0], expected.best_weights[0][0])
    assert member.best_epoch == expected.best_epoch
    assert [metrics.train_loss for metrics in member.history] == [metrics.train_loss for metrics in expected.history]
    stored = store.member(run.run_id, 1).probabilities(2, member.probabilities_sha256)
    probabilities = np.load(io.BytesIO(stored), allow_pickle=False)
    np.testing.assert_array_equal(probabilities, predict(network, dataset.x_test, 3))


def test_the_record_of_a_faster_attempt_stays(
    resources: Resources, store: RunStore, run: RunSpec, members: tuple[MemberSpec, ...]
):
    first = attempt(resources, run, members[0], 1)

    second = attempt(resources, run, members[0], 2)

    assert second == first
    assert store.member(run.run_id, 0).record() == first


def test_a_failure_is_not_committed_over_a_trained_member(
    resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...]
):
    trained = attempt(resources, run, members[0], 1)

    assert fail_member(resources, members[0], 2, "too late") == trained


def test_progress_is_on_the_board_and_each_epoch_is_told(
    resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...]
):
    lines: list[str] = []

    attempt(resources, run, members[2], 1, lines.append)

    found = resources.board.read(run.run_id)[2]
    assert (found.phase, found.attempt, found.epochs_done) == ("scoring", 1, len(lines))
    assert [line.split()[1] for line in lines] == [f"{number}/5" for number in range(1, len(lines) + 1)]


def test_a_failed_member_has_a_record_with_its_error(
    resources: Resources, store: RunStore, members: tuple[MemberSpec, ...], trainer: Trainer
):
    opened = resources.trainer
    record = fail_member(resources, members[0], 3, "EngineError: the loss became nan")

    member = record.member
    assert isinstance(member, FailedMember)
    assert (member.attempt, member.error) == (3, "EngineError: the loss became nan")
    assert member.trainer == opened
    assert store.member(members[0].run_id, 0).record() == record


def test_a_member_fails_without_a_trainer_where_no_engine_could_be_opened(
    resources: Resources, members: tuple[MemberSpec, ...]
):
    class BrokenEngine:
        @property
        def name(self) -> str:
            raise EngineError("no engine here")

    resources.engine = BrokenEngine()

    assert fail_member(resources, members[0], 1, "no engine here").member.trainer is None


def test_the_scoring_after_the_last_epoch_is_told_of(
    resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...]
):
    told: list[str] = []

    class Recorder(Observer):
        def predicted(self) -> None:
            told.append("predicted")

        def epoch(self, state: TrainingState) -> None:
            told.append("epoch")

    attempt_member(resources, run, members[0], BegunAttempt(number=1), Recorder(), lambda line: None)

    assert told == [*["predicted", "epoch"] * run.recipe.epochs, "predicted"]


def test_a_data_set_that_is_not_that_of_the_run_fails_the_attempt(
    resources: Resources, store: RunStore, run: RunSpec, members: tuple[MemberSpec, ...]
):
    other = run.model_copy(update={"dataset": run.dataset.model_copy(update={"train_size": 61})})

    with pytest.raises(DatasetError, match="expected train_size 61, found 60"):
        attempt(resources, other, members[0], 1)

    assert store.member(run.run_id, 0).record() is None


def test_the_epoch_at_whose_end_an_attempt_is_ended_is_saved_when_it_has_ended(
    resources: Resources, store: RunStore, run: RunSpec, members: tuple[MemberSpec, ...]
):
    class LeaseLostError(Exception):
        pass

    class Ending(Observer):
        def epoch(self, state: TrainingState) -> None:
            if len(state.history) == 2:
                raise LeaseLostError

    with pytest.raises(LeaseLostError):
        attempt_member(resources, run, members[0], BegunAttempt(number=1), Ending(), lambda line: None)

    (left,) = store.member(run.run_id, 0).attempts()
    assert [saved.epoch for saved in left.saved] == [1, 2]


def test_a_member_starts_from_the_weights_that_its_run_names(
    resources: Resources, store: RunStore, run: RunSpec, members: tuple[MemberSpec, ...]
):
    network = run.architecture.resolve(input_shape=(4, 4, 1), classes=3)
    start = ((np.full((16, 3), 0.25, np.float32), np.arange(3, dtype=np.float32)),)
    info = InitialWeights(
        sha256=store.inputs.publish_initial_weights(encode_checkpoint(network, start)), source="some.keras"
    )
    recipe = run.recipe.model_copy(update={"learning_rate": 1e-12, "epochs": 1})

    record = attempt(resources, run.model_copy(update={"initial_weights": info, "recipe": recipe}), members[0], 1)

    weights = decode_checkpoint(store.member(run.run_id, 0).weights(1, record.member.weights_sha256), network, "stored")
    np.testing.assert_allclose(weights[0][0], start[0][0], atol=1e-6)
    np.testing.assert_allclose(weights[0][1], start[0][1], atol=1e-6)


def test_weights_to_start_from_that_are_damaged_in_storage_are_no_start(
    resources: Resources, store: RunStore, run: RunSpec, members: tuple[MemberSpec, ...]
):
    info = InitialWeights(sha256="0" * 64, source="some.keras")
    store.objects.create(input_keys.initial_weights(info.sha256), b"something else")

    with pytest.raises(CorruptObjectError, match=r"initial-weights/0+\.hdf5 is damaged: expected the SHA-256 0000"):
        attempt(resources, run.model_copy(update={"initial_weights": info}), members[0], 1)
