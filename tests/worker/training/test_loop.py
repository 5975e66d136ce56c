from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from deepchord.shared.checkpoints import Weights
from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import EngineError
from deepchord.shared.images import scaled
from deepchord.shared.messages import MemberSeeds, Recipe
from deepchord.shared.network import Architecture, ResolvedArchitecture
from deepchord.worker.engines import Batch, Engine, Images, Labels, Probabilities
from deepchord.worker.evaluation import predict
from deepchord.worker.training import Observer, TrainingSetup, TrainingState, initial_weights, train
from deepchord.worker.training.split import random_split

SEEDS = MemberSeeds(split=1, initialization=2, shuffling=3, dropout=4)


class ScriptedNetwork:
    """Says what it is told to: for each epoch the validation probability of the right class; counts epochs.

    Its weights are the number of epochs that it was trained.
    """

    def __init__(self, script: Iterable[tuple[float, float]], labels: Labels) -> None:
        self._script = list(script)
        self._labels = labels
        self._epoch = np.float32(0)
        self.orders: list[list[float]] = []
        self.dropout_seeds: list[int] = []
        self.starts: Weights = ()

    def optimizer_state(self) -> tuple[()]:
        return ()

    def weights(self) -> Weights:
        return ((np.array([self._epoch], np.float32),),)

    def set_weights(self, weights: Weights) -> None:
        self.starts = self.starts or weights
        self._epoch = weights[0][0].ravel()[0] if weights[0][0].size == 1 else np.float32(0)

    def train_epoch(
        self, batches: Iterable[Batch], *, dropout_seed: int, on_batch: Callable[[int], None]
    ) -> tuple[float, float]:
        self._epoch += np.float32(1)
        self.orders.append([pixel for batch in batches for pixel in batch.images.ravel().tolist()])
        self.dropout_seeds.append(dropout_seed)
        return 0.5, 0.5

    def outputs(self, images: Images) -> Probabilities:
        """Give a share of the images right, with the same confidence for all."""
        share, confidence = self._script[int(self._epoch) - 1]
        right = np.arange(len(images)) < share * len(images)
        labels = self._labels[np.rint(images.ravel() * 255).astype(int)]
        given = np.where(right, confidence, 1 - confidence)
        rows = np.stack([given, 1 - given], axis=1).astype(np.float32)
        return np.where(labels[:, None] == 0, rows, rows[:, ::-1])


class ScriptedEngine:
    name = version = "script"

    def __init__(self, script: Iterable[tuple[float, float]], dataset: Dataset) -> None:
        self.network = ScriptedNetwork(script, dataset.y_train)

    def devices(self) -> tuple[()]:
        return ()

    def build(self, architecture: ResolvedArchitecture, recipe: Recipe | None = None) -> ScriptedNetwork:
        return self.network

    def precision(self, recipe: Recipe) -> str:
        return "float32"

    def parallel_predictions(self) -> int:
        return 1


@pytest.fixture
def numbered() -> Dataset:
    """Fifty images of one pixel, which says its index; ten of them make a validation split."""
    pixels = np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1)
    labels = np.arange(50) % 2
    return Dataset(
        name="numbers", x_train=pixels, y_train=labels, x_test=pixels[:2], y_test=labels[:2], class_names=("a", "b")
    )


def scripted(
    numbered: Dataset,
    architecture: Architecture,
    script: Iterable[tuple[float, float]],
    start: TrainingState | None = None,
    **changes: object,
) -> tuple[TrainingState, ScriptedNetwork]:
    script = list(script)
    recipe = Recipe.model_validate(
        {
            "optimizer": "sgd",
            "learning_rate": 0.1,
            "batch_size": 16,
            "epochs": len(script),
            "validation_fraction": 0.2,
            "patience": 10,
            **changes,
        }
    )
    engine = ScriptedEngine(script, numbered)
    resolved = architecture.resolve(input_shape=(1, 1, 1), classes=2)
    _, trained = train(
        engine, TrainingSetup(architecture=resolved, recipe=recipe, seeds=SEEDS, dataset=numbered), start=start
    )
    return trained, engine.network


def epoch_of(weights: Weights) -> int:
    return int(weights[0][0][0])


# The split


# The loop, on a network that says what it is told to


def test_the_best_epoch_is_that_of_the_best_validation_accuracy(numbered: Dataset, architecture: Architecture):
    trained, network = scripted(numbered, architecture, [(0.5, 0.6), (0.9, 0.6), (0.7, 0.99), (0.8, 0.6)])

    assert trained.best_epoch == 2
    assert [metrics.validation_accuracy for metrics in trained.history] == [0.5, 0.9, 0.7, 0.8]
    assert epoch_of(trained.best_weights) == 2
    assert epoch_of(network.weights()) == 2


def test_of_epochs_with_equal_accuracy_the_first_with_the_lowest_loss_is_the_best(
    numbered: Dataset, architecture: Architecture
):
    equally_accurate = [(0.8, 0.6), (0.8, 0.9), (0.8, 0.99), (0.8, 0.9)]

    trained, network = scripted(numbered, architecture, [(0.5, 0.6), *equally_accurate])

    assert trained.best_epoch == 3
    assert epoch_of(trained.best_weights) == 3
    assert epoch_of(network.weights()) == 3


def test_training_that_goes_on_chooses_the_best_epoch_as_if_it_had_never_stopped(
    numbered: Dataset, architecture: Architecture
):
    script = [(0.8, 0.6), (0.8, 0.7), (0.8, 0.8), (0.8, 0.95)]
    whole, _ = scripted(numbered, architecture, script)
    half, _ = scripted(numbered, architecture, script, epochs=2)

    rest, _ = scripted(numbered, architecture, script, start=half)

    assert whole.best_epoch == rest.best_epoch == 3
    assert epoch_of(rest.best_weights) == 3


def test_the_first_epoch_counts_even_if_it_gets_everything_wrong(numbered: Dataset, architecture: Architecture):
    trained, _ = scripted(numbered, architecture, [(0.0, 0.6), (0.0, 0.6)])

    assert trained.best_epoch == 1
    assert epoch_of(trained.best_weights) == 1


def test_training_stops_when_the_validation_loss_has_not_fallen_for_so_many_epochs(
    numbered: Dataset, architecture: Architecture
):
    falling_twice = [(0.9, 0.6), (0.9, 0.7), (0.9, 0.65), (0.9, 0.7), (1.0, 0.6), (0.9, 0.9), (0.9, 0.9)]

    trained, _ = scripted(numbered, architecture, falling_twice, patience=3)

    losses = [metrics.validation_loss for metrics in trained.history]
    assert len(losses) == 5
    assert min(losses) == losses[1]
    # The best weights may come from an epoch after the lowest loss.
    assert trained.best_epoch == 5


def test_a_loss_that_only_stays_the_same_counts_as_not_fallen(numbered: Dataset, architecture: Architecture):
    trained, _ = scripted(numbered, architecture, [(0.9, 0.6)] * 9, patience=2)

    assert len(trained.history) == 3


def test_training_that_goes_on_improving_ends_after_the_last_epoch(numbered: Dataset, architecture: Architecture):
    improving = [(0.9, 0.6 + epoch / 100) for epoch in range(8)]

    trained, _ = scripted(numbered, architecture, improving, patience=1)

    assert len(trained.history) == 8


def test_every_epoch_trains_on_the_training_split_in_an_order_of_its_own(numbered: Dataset, architecture: Architecture):
    _, network = scripted(numbered, architecture, [(0.9, 0.6)] * 3)
    training = random_split(50, 0.2, SEEDS.split).training

    orders = [[round(pixel * 255) for pixel in order] for order in network.orders]

    assert [sorted(order) for order in orders] == [sorted(training)] * 3
    assert len({tuple(order) for order in orders}) == 3
    _, again = scripted(numbered, architecture, [(0.9, 0.6)] * 3)
    assert again.orders == network.orders


def test_every_epoch_has_a_dropout_seed_of_its_own(numbered: Dataset, architecture: Architecture):
    _, network = scripted(numbered, architecture, [(0.9, 0.6)] * 5)

    assert len(set(network.dropout_seeds)) == 5
    assert all(0 <= seed < 2**32 for seed in network.dropout_seeds)


def test_training_begins_with_the_weights_of_the_members_seed(numbered: Dataset, architecture: Architecture):
    _, network = scripted(numbered, architecture, [(0.9, 0.6)])

    resolved = architecture.resolve(input_shape=(1, 1, 1), classes=2)
    np.testing.assert_array_equal(network.starts[0][0], initial_weights(resolved, SEEDS.initialization)[0][0])


def test_an_epochs_duration_is_measured_with_its_validation(
    engine: Engine, architecture: Architecture, recipe: Recipe, dataset: Dataset
):
    ticks: Iterator[float] = iter([10.0, 12.5, 20.0, 21.0])

    _, trained = train(
        engine,
        TrainingSetup(
            architecture=resolve(architecture), recipe=changed(recipe, epochs=2), seeds=SEEDS, dataset=dataset
        ),
        clock=lambda: next(ticks),
    )

    assert [metrics.duration_s for metrics in trained.history] == [2.5, 1.0]


# The loop, on a network that really learns


def resolve(architecture: Architecture) -> ResolvedArchitecture:
    return architecture.resolve(input_shape=(4, 4, 1), classes=3)


def changed(recipe: Recipe, **changes: object) -> Recipe:
    return recipe.model_copy(update=changes)


def test_a_member_learns(engine: Engine, architecture: Architecture, recipe: Recipe, dataset: Dataset):
    network, trained = train(
        engine,
        TrainingSetup(
            architecture=resolve(architecture),
            recipe=changed(recipe, epochs=60, patience=60),
            seeds=SEEDS,
            dataset=dataset,
        ),
    )

    assert trained.history[-1].train_loss < trained.history[0].train_loss / 2
    accuracy = (predict(network, dataset.x_test, 3).argmax(axis=1) == dataset.y_test).mean()
    assert accuracy > 0.8


def test_the_same_seeds_train_the_same_weights_and_other_seeds_others(
    engine: Engine, architecture: Architecture, recipe: Recipe, dataset: Dataset
):
    def kernel(**seeds: int) -> list[float]:
        _, trained = train(
            engine,
            TrainingSetup(
                architecture=resolve(architecture), recipe=recipe, seeds=SEEDS.model_copy(update=seeds), dataset=dataset
            ),
        )
        return trained.best_weights[0][0].ravel().tolist()

    assert kernel() == kernel()
    for seed in ("split", "initialization", "shuffling"):
        assert kernel(**{seed: 99}) != kernel()


@pytest.mark.parametrize("schedule", ["cosine", "step", "exponential", "reduce_on_plateau"])
@pytest.mark.parametrize("epochs_before", [1, 3, 5])
def test_a_member_that_is_resumed_after_any_epoch_ends_as_one_that_was_never_cut_short(
    engine: Engine, architecture: Architecture, recipe: Recipe, dataset: Dataset, schedule: str, epochs_before: int
):
    options = {"epochs": 6, "patience": 6, "schedule": schedule, "warmup_epochs": 0.5, "decay_epochs": 2}
    options |= {"plateau_patience": 1, "mixup": 0.5, "cutmix": 0.5, "class_weights": "balanced", "rand_augment": 1}
    how = changed(recipe, learning_rate=0.9, **options)
    setup = TrainingSetup(architecture=resolve(architecture), recipe=how, seeds=SEEDS, dataset=dataset)
    states: list[TrainingState] = []

    class Recorder(Observer):
        def epoch(self, state: TrainingState) -> None:
            states.append(state)

    _, whole = train(engine, setup, Recorder(), clock=lambda: 0.0)
    _, resumed = train(engine, setup, start=states[epochs_before - 1], clock=lambda: 0.0)

    assert len(whole.history) == 6
    assert resumed.history == whole.history
    for arrays, wanted in zip(resumed.weights, whole.weights, strict=True):
        for array, one in zip(arrays, wanted, strict=True):
            np.testing.assert_array_equal(array, one)


def test_test_images_are_not_looked_at(engine: Engine, architecture: Architecture, recipe: Recipe, dataset: Dataset):
    blind = replace(dataset, x_test=None, y_test=None)

    _, trained = train(
        engine, TrainingSetup(architecture=resolve(architecture), recipe=recipe, seeds=SEEDS, dataset=blind)
    )

    assert len(trained.history) == recipe.epochs


def test_the_observer_is_told_of_each_batch_validation_and_epoch(
    engine: Engine, architecture: Architecture, recipe: Recipe, dataset: Dataset
):
    told: list[object] = []

    class Recorder(Observer):
        def batch(self, epochs_done: int, epoch_share: float) -> None:
            told.append((epochs_done, epoch_share))

        def predicted(self) -> None:
            told.append("predicted")

        def epoch(self, state: TrainingState) -> None:
            told.append((len(state.history), state.best_epoch))

    _, trained = train(
        engine,
        TrainingSetup(
            architecture=resolve(architecture), recipe=changed(recipe, epochs=2), seeds=SEEDS, dataset=dataset
        ),
        Recorder(),
    )

    # 48 images in batches of 16.
    thirds = [1 / 3, 2 / 3, 1.0]
    assert told == [
        *((0, share) for share in thirds),
        "predicted",
        (1, 1),
        *((1, share) for share in thirds),
        "predicted",
        (2, trained.best_epoch),
    ]


@pytest.mark.parametrize("when", ["batch", "epoch"])
def test_what_the_observer_raises_ends_the_training(
    engine: Engine, architecture: Architecture, recipe: Recipe, dataset: Dataset, when: str
):
    class LeaseLostError(Exception):
        pass

    def stop(*_: object) -> None:
        raise LeaseLostError

    observer = Observer()
    setattr(observer, when, stop)

    with pytest.raises(LeaseLostError):
        train(
            engine,
            TrainingSetup(architecture=resolve(architecture), recipe=recipe, seeds=SEEDS, dataset=dataset),
            observer,
        )


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_a_loss_that_is_no_number_is_an_error_that_names_the_epoch(
    engine: Engine, architecture: Architecture, recipe: Recipe, dataset: Dataset, loss: float
):
    class DivergingNetwork:
        def __init__(self) -> None:
            self._network, self._losses = engine.build(resolve(architecture), recipe), iter([0.5, loss])
            self.weights, self.set_weights = self._network.weights, self._network.set_weights
            self.outputs, self.optimizer_state = self._network.outputs, self._network.optimizer_state

        def train_epoch(self, *_: object, **__: object) -> tuple[float, float]:
            return next(self._losses), 0.5

    class DivergingEngine:
        precision = engine.precision

        def build(self, *_: object) -> DivergingNetwork:
            return DivergingNetwork()

    with pytest.raises(EngineError, match=f"training loss became {loss} in epoch 2; lower the learning rate"):
        train(
            DivergingEngine(),
            TrainingSetup(architecture=resolve(architecture), recipe=recipe, seeds=SEEDS, dataset=dataset),
        )


def test_weights_that_explode_in_the_last_batch_are_an_error_too(
    engine: Engine, architecture: Architecture, recipe: Recipe, dataset: Dataset
):
    class ExplodingNetwork(type(engine.build(resolve(architecture)))):
        def train_epoch(self, *_: object, **__: object) -> tuple[float, float]:
            self.set_weights(tuple(tuple(array + np.float32(np.nan) for array in arrays) for arrays in self.weights()))
            return 0.5, 0.5

    class ExplodingEngine:
        precision = engine.precision

        def build(self, *_: object) -> ExplodingNetwork:
            return ExplodingNetwork(resolve(architecture), recipe)

    with pytest.raises(EngineError, match="what the network says of the validation images became nan in epoch 1"):
        train(
            ExplodingEngine(),
            TrainingSetup(architecture=resolve(architecture), recipe=recipe, seeds=SEEDS, dataset=dataset),
        )


def test_an_accuracy_that_rounding_puts_above_one_is_one(
    engine: Engine, architecture: Architecture, dataset: Dataset, recipe: Recipe
):
    class RoundingNetwork(type(engine.build(resolve(architecture)))):
        def train_epoch(self, *_: object, **__: object) -> tuple[float, float]:
            return 0.5, float(np.nextafter(np.float32(1), np.float32(2)))

    class RoundingEngine:
        precision = engine.precision

        def build(self, *_: object) -> RoundingNetwork:
            return RoundingNetwork(resolve(architecture), recipe)

    _, state = train(
        RoundingEngine(), TrainingSetup(architecture=resolve(architecture), recipe=recipe, seeds=SEEDS, dataset=dataset)
    )

    assert {epoch.train_accuracy for epoch in state.history} == {1.0}


# Prediction


@pytest.mark.parametrize(
    ("side", "threads", "chunks"),
    [
        (1, 1, [1, *[1024] * 4]),
        (1, 2, [1, *[512] * 8]),
        (1, 3, [1, *[256] * 16]),
        (1, 9, [1, *[256] * 16]),
        (56, 1, [1, *[512] * 8]),
        (56, 3, [1, *[256] * 16]),
        (300, 1, [1, *[128] * 32]),
        (300, 3, [1, *[128] * 32]),
    ],
    ids=str,
)
def test_images_are_scaled_a_chunk_at_a_time_and_all_are_predicted(side: int, threads: int, chunks: list[int]):
    sizes: list[int] = []

    class CountingNetwork:
        def outputs(self, images: Images) -> Probabilities:
            assert images.dtype == np.float32
            assert images.max() <= 1
            sizes.append(len(images))
            first = images[:, 0, 0, 0]
            return np.stack([first, 1 - first], axis=1)

    images = np.broadcast_to((np.arange(4097) % 256).astype(np.uint8)[:, None, None, None], (4097, side, side, 1))

    found = predict(CountingNetwork(), images, 2, threads=threads)

    assert sorted(sizes) == chunks
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 0], scaled(images[:, 0, 0, 0]))
