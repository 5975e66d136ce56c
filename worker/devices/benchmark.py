"""Trains the notebook's network on random images, to measure how fast a device trains."""

from collections.abc import Callable

import numpy as np

from deepchord.shared.messages import Recipe
from deepchord.shared.network import notebook_architecture
from deepchord.worker.engines import Batch, Engine
from deepchord.worker.training import initial_weights

#: Images per training step.
BATCH_SIZE = 128


def benchmark_training(engine: Engine) -> Callable[[int], None]:
    """Return a function that trains for a number of steps of `BATCH_SIZE` images; the first step compiles."""
    architecture = notebook_architecture().resolve(input_shape=(28, 28, 1), classes=10)
    recipe = Recipe(
        optimizer="nadam",
        learning_rate=0.002,
        batch_size=BATCH_SIZE,
        epochs=1,
        validation_fraction=0.2,
        patience=1,
    )
    network = engine.build(architecture, recipe)
    network.set_weights(initial_weights(architecture, 0))
    images = np.random.default_rng(0).random((BATCH_SIZE, 28, 28, 1), dtype=np.float32)
    batch = Batch(images, np.arange(BATCH_SIZE) % 10, recipe.learning_rate)

    def train(steps: int) -> None:
        network.train_epoch([batch] * steps, dropout_seed=0, on_batch=lambda _: None)

    return train
