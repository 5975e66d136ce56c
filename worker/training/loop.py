"""The loop that trains one member: split, epochs, best weights, early stopping."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import DivergedError
from deepchord.shared.images import scaled
from deepchord.shared.messages import EpochMetrics, MemberSeeds, Recipe, Scores
from deepchord.shared.network import ResolvedArchitecture
from deepchord.worker.engines import Engine, Network, Probabilities
from deepchord.worker.evaluation import chunks, score
from deepchord.worker.training.batches import EpochBatches, TrainingImages
from deepchord.worker.training.initialization import GivenWeights, initial_weights
from deepchord.worker.training.observers import Observer
from deepchord.worker.training.split import Split, random_split
from deepchord.worker.training.state import TrainingState


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingSetup:
    """What decides how one member is trained; together with the engine it decides its weights."""

    #: For the images and classes of the data set.
    architecture: ResolvedArchitecture
    recipe: Recipe
    #: The member's random streams: split, starting weights, shuffling, dropout.
    seeds: MemberSeeds
    #: Which images the member learns from; None: a random split from its seeds.
    split: Split | None = None
    #: Training images and labels are used; test images are not looked at.
    dataset: Dataset
    #: What the member is to say of each training image, [train_size, classes]; None: its label.
    targets: Probabilities | None = None
    #: What all members start from; None: random weights.
    given: GivenWeights | None = None


def train(
    engine: Engine,
    setup: TrainingSetup,
    observer: Observer | None = None,
    *,
    start: TrainingState | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Network, TrainingState]:
    """Train one member on its own split, from its own start or from where another attempt stopped.

    Args:
        engine: What trains.
        setup: Network, recipe, seeds and data set of the member.
        observer: Called after each batch, validation and epoch.
        start: The state to go on from; None: before the first epoch.
        clock: Returns seconds; measures the duration of each epoch.

    Returns:
        A network that holds the best weights and predicts in float32, and the state after the last epoch.

    Raises:
        DivergedError: The loss or the validation probabilities became NaN or infinite.
        EngineError: The optimizer's state is not this engine's.
        InputError: The split leaves no image to train or to validate on.
    """
    observer, recipe = observer or Observer(), setup.recipe
    split = setup.split or random_split(len(setup.dataset.x_train), recipe.validation_fraction, setup.seeds.split)
    validation_images = scaled(setup.dataset.x_train[split.validation])
    validation_labels = setup.dataset.y_train[split.validation]
    state = start or first_state(setup.architecture, setup.seeds, setup.given)
    network = _trainable_network(engine, setup, state)
    images = TrainingImages(dataset=setup.dataset, indices=split.training, targets=setup.targets)
    while len(state.history) < recipe.epochs and not _has_stalled(state.history, recipe.patience):
        started, epoch = clock(), len(state.history) + 1
        losses = [metrics.validation_loss for metrics in state.history]
        batches = EpochBatches(images, recipe, setup.seeds, epoch, losses)
        loss, accuracy = _train_epoch(network, batches, setup.seeds, epoch, observer)
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
        network = engine.build(setup.architecture)
    network.set_weights(state.best_weights)
    return network, state


def first_state(
    architecture: ResolvedArchitecture, seeds: MemberSeeds, given: GivenWeights | None = None
) -> TrainingState:
    """Return the state of a member before its first epoch."""
    weights = initial_weights(architecture, seeds.initialization, given)
    return TrainingState(weights=weights, best_weights=weights)


def _trainable_network(engine: Engine, setup: TrainingSetup, state: TrainingState) -> Network:
    network = engine.build(setup.architecture, setup.recipe)
    network.set_weights(state.weights)
    if state.optimizer:
        network.set_optimizer_state(state.optimizer)
    return network


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
    # A device that sums shares in float32 may return a little more than 1.
    return loss, min(1.0, accuracy)


def _validate(
    network: Network, images: NDArray[np.float32], labels: NDArray[np.integer], epoch: int, observer: Observer
) -> Scores:
    """Return the scores on the validation images [size, height, width, channels], which are scaled already."""
    parts = []
    for chunk in chunks(images):
        parts.append(network.probabilities(images[chunk]))
        observer.predicted()
    probabilities = np.concatenate(parts)
    _check_finite(float(probabilities.sum()), "sum of the validation probabilities", epoch)
    return score(probabilities, labels)


def _has_stalled(history: tuple[EpochMetrics, ...], patience: int) -> bool:
    """Return whether the validation loss has not fallen for `patience` epochs."""
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
