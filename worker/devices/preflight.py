"""A small training problem with a known result, which a device must solve before it gets a member.

Old GPUs and drivers compute NaN or wrong numbers without an error. A few training steps with the operations that nearly
every member needs (convolution, pooling, dense layers, their gradients) show this in seconds.
"""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import EngineError
from deepchord.shared.messages import Recipe
from deepchord.shared.network import Architecture, Conv2D, Dense, Flatten, MaxPooling2D
from deepchord.worker.engines import Engine
from deepchord.worker.training import batches_in_order, initial_weights

_CLASSES = 4
_SIZE = 16
_IMAGES = 64
_EPOCHS = 3
#: How far probabilities may be from the reference. Correct engines differ by less than a hundredth of this.
_TOLERANCE = 1e-3

_ARCHITECTURE = Architecture(
    layers=(
        Conv2D(filters=16),
        Conv2D(filters=16),
        MaxPooling2D(),
        Conv2D(filters=32, padding="valid"),
        Flatten(),
        Dense(units=32, activation="relu"),
        Dense(units="classes", activation="softmax"),
    )
)
_RECIPE = Recipe(
    optimizer="adam", learning_rate=0.002, batch_size=16, epochs=_EPOCHS, validation_fraction=0.2, patience=_EPOCHS
)

#: The probabilities of the first images after training: TensorFlow, PyTorch, JAX and PlaidML's llvm_cpu agree on them.
#: tests/worker/devices/test_preflight.py compares every engine with them.
REFERENCE = (
    (0.989800, 0.003067, 0.003555, 0.003578),
    (0.015327, 0.979356, 0.000327, 0.004990),
    (0.006647, 0.000949, 0.986772, 0.005632),
    (0.003924, 0.006573, 0.007344, 0.982159),
)


def check_device(engine: Engine) -> float:
    """Solve the problem on a device; return the largest difference from the reference probabilities.

    Args:
        engine: An engine, open on the device in question.

    Raises:
        EngineError: The device computes wrong results; the message says how that was found, and what to do.
    """
    probabilities, losses = solve(engine)
    if not (np.isfinite(losses).all() and np.isfinite(probabilities).all()):
        raise _refusal(engine, "it computes NaN")
    if losses[-1] > losses[0]:
        raise _refusal(engine, f"it does not learn: its loss goes from {losses[0]:.3f} to {losses[-1]:.3f}")
    difference = float(np.abs(probabilities[: len(REFERENCE)] - np.array(REFERENCE)).max())
    if difference > _TOLERANCE:
        raise _refusal(engine, f"its probabilities are off by {difference:.2g}, at most {_TOLERANCE:.0e} is right")
    return difference


def solve(engine: Engine) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Train the small test problem on an engine; return its probabilities [64, 4] and the loss of each epoch."""
    images, labels = _problem()
    architecture = _ARCHITECTURE.resolve(input_shape=images.shape[1:], classes=_CLASSES)
    network = engine.build(architecture, _RECIPE)
    network.set_weights(initial_weights(architecture, 0))
    losses = [
        network.train_epoch(
            batches_in_order(images, labels, _RECIPE.batch_size, _RECIPE.learning_rate),
            dropout_seed=epoch,
            on_batch=lambda _: None,
        )[0]
        for epoch in range(_EPOCHS)
    ]
    return network.outputs(images), np.array(losses)


def _problem() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return images [64, 16, 16, 1] and their classes [64]: the class of an image is its brightest quarter."""
    images = np.random.default_rng(0).random((_IMAGES, _SIZE, _SIZE, 1), dtype=np.float32)
    labels = np.arange(_IMAGES) % _CLASSES
    half = _SIZE // 2
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[row * half : (row + 1) * half, column * half : (column + 1) * half] += 0.5
    return images, labels


def _refusal(engine: Engine, what: str) -> EngineError:
    return EngineError(
        f"Device {engine.device.id} of {engine.name} ({engine.version}) is refused: in a few steps of training with a "
        f"known result, {what}. Take another device (`deepchord devices`), or for PlaidML other hardware settings "
        "(docs/plaidml.md)."
    )
