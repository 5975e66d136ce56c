"""States are published beside the training, into a real storage that answers when it is told to."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from deepchord.shared.messages import EpochMetrics, MemberSpec, Trainer
from deepchord.shared.network import Architecture
from deepchord.shared.storage import MemberStore, RunStore, furthest_epochs_first, keys
from deepchord.worker.execution import EpochSaver, Resumption
from deepchord.worker.execution.resumption import find_start
from deepchord.worker.training import TrainingState
from deepchord.worker.training.loop import first_state

EPOCH = EpochMetrics(train_loss=1.0, train_accuracy=0.5, validation_loss=1.0, validation_accuracy=0.5, duration_s=1.0)


@pytest.fixture
def member(members: tuple[MemberSpec, ...]) -> MemberSpec:
    return members[0]


@pytest.fixture
def state(architecture: Architecture, member: MemberSpec) -> TrainingState:
    """After one epoch."""
    start = first_state(architecture.resolve(input_shape=(4, 4, 1), classes=3), member.seeds)
    return replace(start, history=(EPOCH,), best_epoch=1)


@pytest.fixture
def saver(store: RunStore, member: MemberSpec, trainer: Trainer) -> EpochSaver:
    return EpochSaver(store, member, 1, trainer, Resumption(), report=print)


@pytest.fixture
def may_answer(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """When set, storage publishes what it has been given."""
    event, save = threading.Event(), MemberStore.save_epoch

    def save_when_told(*given: object) -> object:
        assert event.wait(60)
        return save(*given)

    monkeypatch.setattr(MemberStore, "save_epoch", save_when_told)
    return event


@pytest.fixture
def saved(store: RunStore, member: MemberSpec) -> Callable[[], list[int]]:
    """The epochs that lie in storage."""
    return lambda: [
        epoch.epoch for attempt in store.member(member.run_id, member.index).attempts() for epoch in attempt.saved
    ]


def test_training_goes_on_while_a_state_is_published_but_not_far(
    saver: EpochSaver, state: TrainingState, may_answer: threading.Event, saved: Callable[[], list[int]]
):
    with saver:
        saver.epoch(state)
        saver.batch(1, 0.09)
        assert saved() == []

        waiting = threading.Thread(target=saver.batch, args=(1, 0.1))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()

        may_answer.set()
        waiting.join(60)
        assert not waiting.is_alive()
        assert saved() == [1]


def test_an_attempt_does_not_end_before_its_last_state_is_published(
    saver: EpochSaver, state: TrainingState, may_answer: threading.Event, saved: Callable[[], list[int]]
):
    with saver:
        saver.epoch(state)
        threading.Timer(0.3, may_answer.set).start()

    assert saved() == [1]


def test_what_is_wrong_with_a_state_ends_the_training(
    saver: EpochSaver, state: TrainingState, store: RunStore, monkeypatch: pytest.MonkeyPatch
):
    def fail(*given: object) -> None:
        raise ValueError("no state")

    monkeypatch.setattr(MemberStore, "save_epoch", fail)

    saver.epoch(state)

    with pytest.raises(ValueError, match="no state"):
        saver.batch(1, 0.5)


def test_what_an_earlier_attempt_saved_is_kept_until_this_one_has_saved_as_much(
    state: TrainingState, store: RunStore, member: MemberSpec, trainer: Trainer, architecture: Architecture
):
    resolved, stored = architecture.resolve(input_shape=(4, 4, 1), classes=3), store.member(member.run_id, member.index)

    def train(*epochs: int) -> list[tuple[int, int]]:
        """Save the states after these epochs in another attempt; return attempt and epoch of what is kept then."""
        found = find_start(store, member, resolved, stored.attempts(), trainer)
        attempt = stored.start_attempt(b"{}")
        with EpochSaver(store, member, attempt, trainer, found, report=print) as saver:
            for epoch in epochs:
                saver.epoch(replace(state, history=(EPOCH,) * epoch))
        return [(saved.attempt, saved.epoch) for saved in reversed(furthest_epochs_first(stored.attempts()))]

    assert train(1, 2, 3) == [(1, 2), (1, 3)]
    assert train() == [(1, 2), (1, 3)]
    assert train(4) == [(1, 3), (3, 4)]

    newest = furthest_epochs_first(stored.attempts())[0]
    store.objects.replace(keys.epoch(member.run_id, member.index, newest), b"damaged")

    # Not the damaged one is kept beside the new one, but that from which it went on.
    assert train(4) == [(1, 3), (4, 4)]
    assert train(5, 6) == [(5, 5), (5, 6)]
