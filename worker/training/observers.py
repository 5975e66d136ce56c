"""Observers: their methods are called after each step of a training, and may end it by raising an error."""

from deepchord.worker.training.state import TrainingState


class Observer:
    """Does nothing; subclasses override what they need. An error that a method raises ends the training."""

    def batch(self, epochs_done: int, epoch_share: float) -> None:
        """React to the end of a batch.

        Args:
            epochs_done: How many epochs are complete.
            epoch_share: How much of the current epoch is done, in [0, 1].
        """

    def predicted(self) -> None:
        """React to a prediction: a part of the validation images, or of the test images at the end."""

    def epoch(self, state: TrainingState) -> None:
        """React to the end of an epoch, after its validation."""


class Observers(Observer):
    """Calls several observers, in their order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def batch(self, epochs_done: int, epoch_share: float) -> None:
        """Pass the end of a batch on."""
        for observer in self._observers:
            observer.batch(epochs_done, epoch_share)

    def predicted(self) -> None:
        """Pass a prediction on."""
        for observer in self._observers:
            observer.predicted()

    def epoch(self, state: TrainingState) -> None:
        """Pass the end of an epoch on."""
        for observer in self._observers:
            observer.epoch(state)
