"""An engine without a framework: softmax regression in NumPy, which trains really, at once, and the same everywhere."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.checkpoints import Weights
from deepchord.shared.datasets import Dataset, publish_dataset
from deepchord.shared.messages import MemberSeeds, MemberSpec, Recipe, RunSpec, Trainer
from deepchord.shared.network import Architecture, Dense, Flatten, ResolvedArchitecture
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore
from deepchord.worker.engines import Batch, Device, Images, Probabilities
from deepchord.worker.engines.engine import check_optimizer_state
from deepchord.worker.resources import Resources

CLASSES = ("dark", "left", "right")


class NumpyNetwork:
    """A network of one dense layer, trained by gradient descent whose rate falls with the steps."""

    def __init__(self, recipe: Recipe | None) -> None:
        self._recipe = recipe
        self._weights: Weights = ()
        self._steps = np.zeros(1, dtype=np.int64)

    def optimizer_state(self) -> tuple[np.ndarray, ...]:
        return (self._steps.copy(),)

    def set_optimizer_state(self, state: tuple[np.ndarray, ...]) -> None:
        check_optimizer_state(state, [(1,)])
        self._steps = state[0].copy()

    def weights(self) -> Weights:
        return tuple(tuple(array.copy() for array in arrays) for arrays in self._weights)

    def set_weights(self, weights: Weights) -> None:
        self._weights = tuple(tuple(array.copy() for array in arrays) for arrays in weights)

    def train_epoch(
        self, batches: Iterable[Batch], *, dropout_seed: int, on_batch: Callable[[int], None]
    ) -> tuple[float, float]:
        assert self._recipe is not None, "built without a recipe"
        losses, hits = [], []
        for number, (pixels, wanted, learning_rate) in enumerate(batches):
            given = self.probabilities(pixels)
            gradient = (given - np.eye(given.shape[1], dtype=np.float32)[wanted]) / len(wanted)
            rows, ((kernel, bias),) = pixels.reshape(len(pixels), -1), self._weights
            rate = np.float32(learning_rate / (1 + 0.01 * self._steps[0]))
            self._steps += 1
            self._weights = ((kernel - rate * rows.T @ gradient, bias - rate * gradient.sum(axis=0)),)
            losses.extend(-np.log(given[np.arange(len(wanted)), wanted]))
            hits.extend(given.argmax(axis=1) == wanted)
            on_batch(number)
        return float(np.mean(losses)), float(np.mean(hits))

    def probabilities(self, images: Images) -> Probabilities:
        ((kernel, bias),) = self._weights
        scores = images.reshape(len(images), -1) @ kernel + bias
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


class NumpyEngine:
    name = "numpy"
    version = f"numpy {np.__version__}"

    device = Device(id="cpu:0", kind="cpu", name="NumPy")

    def devices(self) -> tuple[Device, ...]:
        return (self.device,)

    def build(self, architecture: ResolvedArchitecture, recipe: Recipe | None = None) -> NumpyNetwork:
        assert len(architecture.layers) == 2, "this engine knows flatten and one dense layer only"
        return NumpyNetwork(recipe)

    def precision(self, recipe: Recipe) -> str:
        return "float32"

    def parallel_predictions(self) -> int:
        return 2


@pytest.fixture
def engine() -> NumpyEngine:
    return NumpyEngine()


@pytest.fixture
def trainer() -> Trainer:
    return Trainer(host="here", engine="numpy", engine_version="numpy", device="cpu:0")


@pytest.fixture(scope="session")
def architecture() -> Architecture:
    return Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """Sixty small images, all dark or with a bright left or right half, and noise; test images are thirty more."""
    generator = np.random.default_rng(0)
    labels = np.arange(90) % 3
    pixels = generator.integers(0, 120, (90, 4, 4, 1))
    pixels[labels == 1, :, :2] += 60
    pixels[labels == 2, :, 2:] += 60
    images = pixels.astype(np.uint8)
    return Dataset(
        name="halves",
        x_train=images[:60],
        y_train=labels[:60],
        x_test=images[60:],
        y_test=labels[60:],
        class_names=CLASSES,
    )


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(optimizer="sgd", learning_rate=0.5, batch_size=16, epochs=5, validation_fraction=0.2, patience=3)


@pytest.fixture
def run(store: RunStore, architecture: Architecture, dataset: Dataset, recipe: Recipe) -> RunSpec:
    """A run of three members, submitted: its spec and data set lie in storage."""
    spec = RunSpec(
        run_id="20260101-000000-beef",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        preset="quick",
        dataset=publish_dataset(dataset, store),
        architecture=architecture,
        recipe=recipe,
        members=3,
        min_members=2,
        seed=1,
        max_attempts=2,
    )
    store.create_run(spec)
    return spec


@pytest.fixture
def members(run: RunSpec) -> tuple[MemberSpec, ...]:
    return tuple(
        MemberSpec(
            run_id=run.run_id,
            index=index,
            seeds=MemberSeeds(split=index, initialization=10 + index, shuffling=20 + index, dropout=30 + index),
        )
        for index in range(run.members)
    )


@pytest.fixture
def settings(tmp_path: Path, broker_url: str) -> Settings:
    return load_settings(broker=broker_url, storage=str(tmp_path / "storage"), cache=tmp_path / "cache")


@pytest.fixture
def resources(settings: Settings, engine: NumpyEngine) -> Resources:
    """What a worker's process holds: real storage, a real broker, and the engine above."""
    held = Resources(settings)
    held.engine = engine
    return held
