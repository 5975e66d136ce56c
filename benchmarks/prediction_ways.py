"""The ways of predicting that `prediction` compares, each in a process of its own."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ten_members import IMAGES, MODEL, STORAGE

Predict = Callable[[NDArray[Any]], NDArray[np.float32]]

#: Of the matrices that show how fast the processor multiplies.
_SIDE = 2048
#: What this process predicts with, and the images.
_ready: tuple[Predict, NDArray[np.uint8]]


def prepare(folder: Path, way: str) -> None:
    """Load the members and compute some images, so that all is compiled."""
    global _ready
    make = {"file": _of_file, "keras": _of_keras}.get(way, partial(_of_engine, name=way))
    _ready = make(folder), np.load(folder / IMAGES)
    predict_here(1024)


def predict_here(size: int | None) -> tuple[float, NDArray[np.float32]]:
    """Return the seconds for some or all images, and their probabilities."""
    predict, images = _ready
    started = perf_counter()
    probabilities = predict(images[:size])
    return perf_counter() - started, probabilities


def product_gflops() -> dict[str, float]:
    """Return the GFLOP/s of the fastest of several products of two square matrices, on all cores, by the library.

    On new processors those of NumPy do not take the widest instructions.
    """
    matrix = np.random.default_rng(0).random((_SIDE, _SIDE), dtype=np.float32)
    return {name: _gflops(product) for name, product in _products(matrix)}


def _products(matrix: NDArray[np.float32]) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "numpy", lambda: matrix @ matrix
    if find_spec("tensorflow"):
        import tensorflow as tf

        tensor = tf.constant(matrix)
        yield "tensorflow", lambda: tf.matmul(tensor, tensor).numpy()


def _gflops(product: Callable[[], object]) -> float:
    seconds = []
    for _ in range(20):
        started = perf_counter()
        product()
        seconds.append(perf_counter() - started)
    return 2 * _SIDE**3 / min(seconds) / 1e9


def _of_file(folder: Path) -> Predict:
    """The exported file; uncertainties and calibration are computed, too."""
    import deepchord

    ensemble = deepchord.load(folder / MODEL)
    return lambda images: ensemble.predict_proba(images)


def _of_engine(folder: Path, name: str) -> Predict:
    """The engine, as an evaluation asks it."""
    from deepchord.shared.host import usable_cores
    from deepchord.worker.engines import open_engine
    from deepchord.worker.evaluation import predict

    ensemble, calibrate = _members(folder)
    # All callers share JAX's threads; the others have one each.
    engine = open_engine(name, usable_cores() if name == "jax" else 1, "cpu")
    description = ensemble.description
    network = engine.build(description.architecture.resolve(input_shape=(28, 28, 1), classes=10))
    weights, callers = [member.weights() for member in ensemble.members], engine.parallel_predictions()

    def of_all(images: NDArray[Any]) -> NDArray[np.float32]:
        total = np.zeros((len(images), 10))
        for member in weights:
            network.set_weights(member)
            total += predict(network, images, 10, threads=callers)
        return calibrate(total / len(weights))

    return of_all


def _of_keras(folder: Path) -> Predict:
    """The notebook's loop: `predict` of each model in its default batches of 32."""
    ensemble, calibrate = _members(folder)
    from benchmarks.plain_keras import network

    models = []
    for member in ensemble.members:
        model = network()
        model.set_weights([array for layer in member.weights() for array in layer])
        models.append(model)

    def of_all(images: NDArray[Any]) -> NDArray[np.float32]:
        pixels = images / np.float32(255)
        return calibrate(np.mean([model.predict(pixels, verbose=0) for model in models], axis=0))

    return of_all


def _members(folder: Path) -> tuple[Any, Callable[[NDArray[Any]], NDArray[np.float32]]]:
    """Return the ensemble with its weights, and its calibration, which takes no time: so all ways can be compared."""
    import deepchord
    from deepchord.shared.uncertainty import calibrator_of

    ensemble = deepchord.load(folder / STORAGE)
    calibration = ensemble.description.calibration
    assert calibration is not None  # noqa: S101  its recipe keeps images for it
    calibrator = calibrator_of(calibration)
    return ensemble, lambda mean: calibrator(mean.astype(np.float32))
