"""The loop that trains one member: split, epochs, best weights, early stopping."""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import DivergedError
from deepchord.shared.files import is_mapped, will_read
from deepchord.shared.images import scaled
from deepchord.shared.messages import EpochMetrics, MemberSeeds, Recipe
from deepchord.shared.network import ResolvedArchitecture
from deepchord.worker.engines import Engine, Images, Network, Outputs
from deepchord.worker.evaluation import chunks
from deepchord.worker.training.batches import EpochBatches, TrainingImages
from deepchord.worker.training.initialization import GivenWeights, initial_weights
from deepchord.worker.training.objective import Measured, objective_of
from deepchord.worker.training.observers import Observer
from deepchord.worker.training.prefetching import prefetched
from deepchord.worker.training.split import Split, random_split
from deepchord.worker.training.state import TrainingState


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingSetup:
    """What decides how one member is trained; together with the engine it decides its weights."""

    #: For the images of the data set and what is predicted of them.
    architecture: ResolvedArchitecture
    recipe: Recipe
    #: The member's random streams: split, starting weights, shuffling, dropout.
    seeds: MemberSeeds
    #: Which images the member learns from; None: a random split from its seeds.
    split: Split | None = None
    #: Training images and labels are used; test images are not looked at.
    dataset: Dataset
    #: What the member is to say of each training image, [train_size, classes], or of numbers their means and variances,
    #: [train_size, 2 targets]; None: its label.
    targets: Outputs | None = None
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
        DivergedError: The loss or the outputs for the validation images became NaN or infinite.
        EngineError: The optimizer's state is not this engine's.
        InputError: The split leaves no image to train or to validate on.
    """
    observer, recipe = observer or Observer(), setup.recipe
    split = setup.split or random_split(len(setup.dataset.x_train), recipe.validation_fraction, setup.seeds.split)
    objective = objective_of(setup.dataset)
    learnt = objective.learnt(setup.dataset)
    validation_labels = learnt[split.validation]
    state = start or first_state(setup.architecture, setup.seeds, setup.given)
    network = _trainable_network(engine, setup, state)
    wanted = learnt if setup.targets is None else setup.targets
    images = TrainingImages(dataset=setup.dataset, indices=split.training, labels=wanted)
    while len(state.history) < recipe.epochs and not _has_stalled(state.history, recipe.patience):
        started, epoch = clock(), len(state.history) + 1
        losses = [metrics.validation_loss for metrics in state.history]
        batches = EpochBatches(images, recipe, setup.seeds, epoch, losses)
        trained = _train_epoch(network, batches, setup.seeds, epoch, observer)
        predicted = _predict(network, setup.dataset.x_train, split.validation, epoch, observer)
        metrics = objective.epoch(trained, objective.measure(predicted, validation_labels), clock() - started)
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
) -> Measured:
    """Train once over the images of the split in this epoch's own order; return mean loss and score."""
    with closing(iter(batches)) as made:  # what makes them ahead ends with the epoch, also with an error
        loss, score = network.train_epoch(
            made,
            dropout_seed=_epoch_seed(seeds.dropout, epoch - 1),
            on_batch=lambda batch: observer.batch(epoch - 1, (batch + 1) / len(batches)),
        )
    _check_finite(loss, "training loss", epoch)
    return Measured(loss=loss, score=score)


def _predict(
    network: Network, images: NDArray[np.generic], rows: NDArray[np.int64], epoch: int, observer: Observer
) -> Outputs:
    """Return the outputs for the training images that are held out, which are scaled some at a time."""
    parts = []
    made = _scaled_chunks(images, rows)
    with closing(prefetched(made) if is_mapped(images) else made) as ready:
        for chunk in ready:
            parts.append(network.outputs(chunk))
            observer.predicted()
    outputs = np.concatenate(parts)
    _check_finite(float(outputs.sum()), "sum of what the network says of the validation images", epoch)
    return outputs


def _scaled_chunks(images: NDArray[np.generic], rows: NDArray[np.int64]) -> Generator[Images, None, None]:
    """Yield the images of the rows, some at a time; the system begins to read the next ones meanwhile."""
    places = [rows[chunk] for chunk in chunks(len(rows), images.shape[1:])]
    for these, following in zip(places, [*places[1:], rows[:0]], strict=True):
        will_read(images, following)
        yield scaled(images[these])


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
