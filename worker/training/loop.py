"""The loop that trains one member: split, epochs, best weights, early stopping."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets import Dataset, scaled
from deepchord.shared.errors import DivergedError, InputError
from deepchord.shared.messages import EpochMetrics, MemberSeeds, Recipe, Scores
from deepchord.shared.network import ResolvedArchitecture
from deepchord.worker.engines import Engine, Network
from deepchord.worker.evaluation import score
from deepchord.worker.evaluation.prediction import _chunks
from deepchord.worker.training.batches import EpochBatches
from deepchord.worker.training.initialization import initial_weights
from deepchord.worker.training.observers import Observer
from deepchord.worker.training.state import TrainingState


def start_of(architecture: ResolvedArchitecture, seeds: MemberSeeds) -> TrainingState:
    """Return the state of a member before its first epoch."""
    weights = initial_weights(architecture, seeds.initialization)
    return TrainingState(weights=weights, best_weights=weights)


def train(
    engine: Engine,
    architecture: ResolvedArchitecture,
    recipe: Recipe,
    seeds: MemberSeeds,
    dataset: Dataset,
    observer: Observer | None = None,
    clock: Callable[[], float] = time.monotonic,
    start: TrainingState | None = None,
) -> tuple[Network, TrainingState]:
    """Train one member on its own split, from its own start or from where another attempt stopped.

    Args:
        engine: What trains.
        architecture: The network for the data set's images and classes.
        recipe: How.
        seeds: The member's random streams: split, starting weights, shuffling, dropout.
        dataset: Train images and labels are used; test images are not looked at.
        observer: Told of each batch, validation and epoch.
        clock: Seconds, for the duration of an epoch.
        start: Where to go on; None: before the first epoch.

    Returns:
        A network that holds the best weights and predicts in float32, and the state after the last epoch.

    Raises:
        DivergedError: The loss or the validation probabilities became NaN or infinite.
        EngineError: The optimizer's state is not this engine's.
        InputError: The split leaves no image to train or to validate on.
    """
    observer = observer or Observer()
    train_indices, validation_indices = split(len(dataset.x_train), recipe.validation_fraction, seeds.split)
    validation_images = scaled(dataset.x_train[validation_indices])
    validation_labels = dataset.y_train[validation_indices]
    state = start or start_of(architecture, seeds)
    network = engine.build(architecture, recipe)
    network.set_weights(state.weights)
    if state.optimizer:
        network.set_optimizer_state(state.optimizer)
    while len(state.history) < recipe.epochs and not _stalled(state.history, recipe.patience):
        started, epoch = clock(), len(state.history) + 1
        batches = EpochBatches(dataset, train_indices, recipe, seeds, epoch)
        loss, accuracy = _train_epoch(network, batches, seeds, epoch, observer)
        validation = _validate(network, validation_images, validation_labels, epoch, observer)
        metrics = EpochMetrics(
            train_loss=loss,
            train_accuracy=accuracy,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            duration_s=clock() - started,
        )
        state = state.followed_by(metrics, network.weights(), network.optimizer_state())
        observer.epoch(state)
    if engine.precision(recipe) != "float32":
        network = engine.build(architecture)
    network.set_weights(state.best_weights)
    return network, state


def split(size: int, validation_fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of a member's training and validation images, a random split of `size` images.

    Raises:
        InputError: One of both would be empty.
    """
    from sklearn.model_selection import train_test_split  # takes a second: not in a worker's parent process

    try:
        train_indices, validation_indices = train_test_split(
            np.arange(size), test_size=validation_fraction, random_state=seed
        )
    except ValueError as error:
        raise InputError(
            f"{size} training images cannot be split with validation_fraction = {validation_fraction}: "
            "both parts need at least one image."
        ) from error
    return train_indices, validation_indices


def _train_epoch(
    network: Network, batches: EpochBatches, seeds: MemberSeeds, epoch: int, observer: Observer
) -> tuple[float, float]:
    """Train once over the images of the split in this epoch's own order; return mean loss and accuracy."""
    loss, accuracy = network.train_epoch(
        batches,
        dropout_seed=_epoch_seed(seeds.dropout, epoch - 1),
        on_batch=lambda batch: observer.batch(epoch - 1, (batch + 1) / len(batches)),
    )
    _check_finite(loss, "training loss", epoch)
    # A device that adds shares in float32 may find a little more than all of them.
    return loss, min(1.0, accuracy)


def _validate(
    network: Network, images: NDArray[np.float32], labels: NDArray[np.integer], epoch: int, observer: Observer
) -> Scores:
    found = []
    for chunk in _chunks(images):
        found.append(network.probabilities(images[chunk]))
        observer.predicted()
    probabilities = np.concatenate(found)
    _check_finite(float(probabilities.sum()), "sum of the validation probabilities", epoch)
    return score(probabilities, labels)


def _stalled(history: tuple[EpochMetrics, ...], patience: int) -> bool:
    """Say whether the validation loss has not fallen for `patience` epochs."""
    if not history:
        return False
    losses = [metrics.validation_loss for metrics in history]
    return len(losses) - 1 - losses.index(min(losses)) >= patience


def _epoch_seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=(epoch,)).generate_state(1)[0])


def _check_finite(value: float, what: str, epoch: int) -> None:
    if not np.isfinite(value):
        raise DivergedError(
            f"The {what} became {value} in epoch {epoch}; lower the learning rate, or distrust this device."
        )
