"""Who is told of each step of a training, and may end it."""

from deepchord.worker.training.state import TrainingState


class Observer:
    """Told how training goes; what it raises ends the training. Does nothing by itself."""

    def batch(self, epochs_done: int, epoch_share: float) -> None:
        """A batch is done; `epoch_share` of the epoch under way is behind it, in [0, 1]."""

    def predicted(self) -> None:
        """Some images were predicted, for a validation or for the scores at the end."""

    def epoch(self, state: TrainingState) -> None:
        """An epoch is done and validated."""


class Observers(Observer):
    """Tells several observers, in their order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def batch(self, epochs_done: int, epoch_share: float) -> None:
        """A batch is done."""
        for observer in self._observers:
            observer.batch(epochs_done, epoch_share)

    def predicted(self) -> None:
        """Some images were predicted."""
        for observer in self._observers:
            observer.predicted()

    def epoch(self, state: TrainingState) -> None:
        """An epoch is done and validated."""
        for observer in self._observers:
            observer.epoch(state)
