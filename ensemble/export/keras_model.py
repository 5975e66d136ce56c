"""A finished ensemble as models of Keras 3; no other module of the ensemble knows a framework."""

import importlib
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepchord.ensemble.sources import EnsembleMembers
from deepchord.shared.checkpoints import Weights, weighted_layers
from deepchord.shared.errors import EngineError
from deepchord.shared.files import written_aside
from deepchord.shared.messages import Calibration, DescribedMember, Target
from deepchord.shared.network import connected, keras_layers
from deepchord.shared.regression import LEAST_VARIANCE
from deepchord.shared.uncertainty.confidence_map import MARGIN, SMALLEST_SHARE
from deepchord.shared.uncertainty.temperature import SMALLEST

if TYPE_CHECKING:
    import keras

#: The backends of Keras 3 by the package that brings them, in the order in which an installed one is taken.
_BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}


def save_keras(source: EnsembleMembers, path: Path) -> Path:
    """Write an ensemble as one `.keras` file; return its path. See `keras_ensemble`."""
    model = keras_ensemble(source)
    with written_aside(path) as aside:
        model.save(aside)
    return path


def keras_ensemble(source: EnsembleMembers) -> "keras.Model":
    """Return one model of all members, their mean, and its calibration.

    Input: images [images, height, width, channels], pixels as in the data set; if they are whole numbers from 0 to 255,
    the model divides them by 255 itself. Output: calibrated probabilities, float32 [images, classes] or [images,
    labels]; where numbers are predicted, by their names `mean` and `standard_deviation`, float32 [images, targets], in
    the targets' own units.

    Raises:
        EngineError: Keras 3 is not installed.
        StorageError: Weights cannot be read, or are damaged.
    """
    keras = _keras()
    description = source.description
    name = f"ensemble_{description.run_id}"
    images, scaled = _input(keras, source)
    members = [
        _network(keras, source, weights, f"member_{member.index}")(scaled)
        for member, weights in zip(description.members, source.all_weights(), strict=True)
    ]
    if description.regression is not None:
        scaling = description.regression.scaling
        factors = None if scaling is None else scaling.factors
        return keras.Model(images, _numbers(keras.ops, members, description.dataset.targets, factors), name=name)
    mean = keras.layers.Average(name="mean")(members) if len(members) > 1 else members[0]
    if description.multilabel is not None:
        return keras.Model(images, _calibrated_labels(keras.ops, mean, description.multilabel.calibration), name=name)
    calibrated = mean if description.calibration is None else _calibrated(keras.ops, mean, description.calibration)
    return keras.Model(images, calibrated, name=name)


def keras_member(source: EnsembleMembers, member: DescribedMember) -> "keras.Model":
    """Return one member as a model; input as in `keras_ensemble`, output its own, of numbers without the scaling."""
    keras = _keras()
    images, scaled = _input(keras, source)
    output = _network(keras, source, source.weights(member), "network")(scaled)
    if source.description.regression is not None:
        output = _numbers(keras.ops, [output], source.description.dataset.targets, None)
    return keras.Model(images, output, name=f"member_{member.index}")


def _keras() -> Any:
    """Return Keras 3 with a backend that is installed."""
    # Keras reads it when it is imported: like an engine of a worker, the one module that needs it sets it.
    if "KERAS_BACKEND" not in os.environ:
        installed = (backend for name, backend in _BACKENDS.items() if importlib.util.find_spec(name))
        os.environ["KERAS_BACKEND"] = next(installed, "tensorflow")
    try:
        keras = importlib.import_module("keras")
    except ImportError as error:
        raise EngineError(
            f"Keras 3 cannot be imported ({error}): pip install 'deepchord[tensorflow]', or [jax], or [torch]."
        ) from error
    if not hasattr(keras, "ops"):
        raise EngineError(f"Keras {keras.__version__} is installed here, and models are made by Keras 3.")
    return keras


def _input(keras: Any, source: EnsembleMembers) -> tuple[Any, Any]:
    """Return the input of a model, and the same as the networks take it."""
    dataset = source.description.dataset
    images = keras.Input(dataset.input_shape, name="images" if dataset.table is None else "features")
    takes_floats = dataset.pixels is not None and dataset.pixels.type == "float32"
    return images, images if takes_floats else keras.layers.Rescaling(1 / 255, name="scaled")(images)


def _network(keras: Any, source: EnsembleMembers, weights: Weights, name: str) -> Any:
    images = keras.Input(source.network.input_shape)
    made = keras_layers(keras.layers, source.network)
    model = keras.Model(images, connected(source.network, made, images), name=name)
    for layer, arrays in zip(weighted_layers(source.network), weights, strict=True):
        made[layer.name].set_weights(list(arrays))
    return model


def _numbers(
    ops: Any, outputs: list[Any], targets: Sequence[Target], factors: Sequence[float] | None
) -> dict[str, Any]:
    """Return mean and standard deviation of the mixture; the same formulas as in `deepchord.shared.regression`."""
    offsets, scales = (
        np.array([getattr(target, name) for target in targets], np.float32) for name in ("mean", "scale")
    )
    widening = scales if factors is None else scales * np.sqrt(np.array(factors, np.float32))
    means = [each[:, : len(targets)] for each in outputs]
    variances = [ops.softplus(each[:, len(targets) :]) + LEAST_VARIANCE for each in outputs]
    mean = sum(means[1:], means[0]) / len(means)
    differences = [(each - mean) ** 2 for each in means]
    variance = sum((*variances[1:], *differences), variances[0]) / len(means)
    return {"mean": mean * scales + offsets, "standard_deviation": ops.sqrt(variance) * widening}


def _calibrated_labels(ops: Any, mean: Any, calibration: Calibration | None) -> Any:
    """Return calibrated probabilities of labels; the same formula as in `deepchord.shared.multilabel`."""
    if calibration is None:
        return mean
    applies, does_not = (ops.log(ops.maximum(each, SMALLEST)) for each in (mean, 1.0 - mean))
    return ops.sigmoid((applies - does_not) / calibration.temperature)


def _calibrated(ops: Any, mean: Any, calibration: Calibration) -> Any:
    """Return calibrated probabilities; the same formulas as in `deepchord.shared.uncertainty`."""
    logits = ops.log(ops.maximum(mean, SMALLEST)) / calibration.temperature
    scaled = ops.softmax(logits, axis=-1)
    if not calibration.confidence_map:
        return scaled
    places, heights = np.array(calibration.confidence_map, dtype=np.float32).T
    is_predicted = ops.one_hot(ops.argmax(mean, axis=-1), mean.shape[-1])
    confidence = ops.sum(scaled * is_predicted, axis=-1, keepdims=True)
    others = ops.maximum(scaled, SMALLEST_SHARE) * (1.0 - is_predicted)
    rest = ops.sum(others, axis=-1, keepdims=True)
    second = ops.max(others, axis=-1, keepdims=True)
    widths = np.maximum(np.diff(places), np.float32(1e-7))
    ramps = ops.clip((confidence - places[:-1]) / widths, 0.0, 1.0)
    mapped = ops.sum(ramps * np.diff(heights), axis=-1, keepdims=True) + float(heights[0])
    wanted = ops.minimum(ops.maximum(mapped, second / (second + rest)), 1 - MARGIN)
    return others * ((1.0 - wanted) / rest) + wanted * is_predicted
