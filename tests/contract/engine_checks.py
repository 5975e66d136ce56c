"""What every engine promises; runs in a process of its own, because Keras fixes its backend for a whole process.

    python engine_checks.py ENGINE FOLDER LABEL

reads requests from stdin, one JSON object a line with `number`, `check` and `arguments`, and answers each with one
line: its `number`; `failure`, a traceback or null; and `answer`, what the check returned.
"""

import functools
import gc
import hashlib
import json
import logging
import os
import resource
import sys
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest import mock

import hypothesis
import numpy as np
from every_layer import EVERY_LAYER, IN_TRAINING_ONLY
from hypothesis import strategies as st
from numpy_network import expected_probabilities
from random_networks import random_architectures, random_weights

from deepchord.shared.checkpoints import Weights, decode_checkpoint, encode_checkpoint, weighted_layers
from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import EngineError
from deepchord.shared.files import new_array
from deepchord.shared.host import installed_engines
from deepchord.shared.messages import MemberSeeds, Recipe, Trainer, TrainingPart
from deepchord.shared.network import (
    ActivationLayer,
    Architecture,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Residual,
    ResolvedArchitecture,
    notebook_architecture,
    refusal,
)
from deepchord.shared.regression import gaussian_losses, means_and_variances
from deepchord.worker.devices import check_device
from deepchord.worker.devices.preflight import REFERENCE, solve
from deepchord.worker.engines import Batch, Engine, Images, Labels, Network, open_engine
from deepchord.worker.evaluation import Candidate, Evaluator, evaluate_members, predict
from deepchord.worker.training import (
    Observer,
    SavedTraining,
    TrainingSetup,
    TrainingState,
    batches_in_order,
    decode_training,
    encode_training,
    initial_weights,
    train,
)

OPTIMIZERS = ("nadam", "adam", "adamw", "lion", "sgd", "rmsprop", "adagrad")
#: Each optimizer, and what else decides its steps.
STEPS = (
    *({"optimizer": optimizer} for optimizer in OPTIMIZERS),
    {"optimizer": "sgd", "momentum": 0.9},
    {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
    {"optimizer": "adagrad", "global_clipnorm": 0.05},
)

#: Every kind of layer that has weights, and dropout.
VARIED = Architecture(
    layers=(
        Conv2D(filters=6, activation="linear"),
        BatchNormalization(momentum=0.8),
        ActivationLayer(activation="relu"),
        MaxPooling2D(),
        Residual(layers=(Conv2D(filters=6), Dropout(rate=0.1), BatchNormalization(momentum=0.8))),
        Conv2D(filters=8, padding="valid"),
        Flatten(),
        Dropout(rate=0.25),
        Dense(units=16, activation="relu"),
        Dropout(rate=0.5),
        Dense(units="classes", activation="softmax"),
    )
)
PLAIN = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
#: For `PLAIN`, wherever another size makes no difference: PlaidML compiles a network anew for each.
PLAIN_BATCH = 16
SEEDS = MemberSeeds(split=1, initialization=2, shuffling=3, dropout=4)


def recipe(**changes: object) -> Recipe:
    values = {"optimizer": "nadam", "learning_rate": 0.01, "batch_size": 32, "epochs": 2}
    return Recipe.model_validate({**values, "validation_fraction": 0.2, "patience": 10, **changes})


def digits(size: int = 288) -> tuple[Images, Labels]:
    """Real images of handwritten digits, [size, 8, 8, 1] in [0, 1], and their classes."""
    # Not before an engine is opened: scikit-learn imports pandas where there is one, which starts threads.
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return (images[:size].reshape(-1, 8, 8, 1) / 16).astype(np.float32), labels[:size].astype(np.int64)


def digits_dataset() -> Dataset:
    images, labels = digits(600)
    pixels = (images * 255).astype(np.uint8)
    names = tuple(str(digit) for digit in range(10))
    return Dataset(
        name="digits",
        x_train=pixels[:400],
        y_train=labels[:400],
        x_test=pixels[400:],
        y_test=labels[400:],
        class_names=names,
    )


def resolved(architecture: Architecture = VARIED, shape: tuple[int, ...] = (8, 8, 1)) -> ResolvedArchitecture:
    return architecture.resolve(input_shape=shape, classes=10)


def started(engine: Engine, architecture: Architecture = VARIED, **changes: object) -> Network:
    network = built(engine, resolved(architecture), **changes)
    network.set_weights(initial_weights(resolved(architecture), 7))
    return network


def built(engine: Engine, architecture: ResolvedArchitecture, **changes: object) -> Network:
    """A network that can be trained, and knows its recipe, for `one_epoch`."""
    network = engine.build(architecture, recipe(**changes))
    network.recipe = recipe(**changes)
    return network


def ignore(batch: int) -> None:
    pass


def one_epoch(
    network: Network,
    images: Images,
    labels: Labels,
    *,
    dropout_seed: int = 1,
    on_batch: Callable[[int], None] = ignore,
) -> tuple[float, float]:
    """Train once over the images as they stand, in the batches and at the rate of the network's recipe."""
    how = network.recipe
    batches = batches_in_order(images, labels, how.batch_size, how.learning_rate)
    return network.train_epoch(batches, dropout_seed=dropout_seed, on_batch=on_batch)


def two_epochs(engine: Engine, *, dropout_seed: int = 5, between: Callable[[Network], None] = lambda network: None):
    images, labels = digits()
    network = started(engine)
    one_epoch(network, images, labels, dropout_seed=dropout_seed)
    between(network)
    one_epoch(network, images, labels, dropout_seed=dropout_seed + 1)
    return network.weights()


@functools.cache
def two_epochs_before(engine: Engine) -> Weights:
    """What was trained first in this process; compiling it takes some engines long."""
    return two_epochs(engine)


def digest(weights: Weights) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for arrays in weights for array in arrays)).hexdigest()


def assert_weights_equal(found: Weights, expected: Weights) -> None:
    assert [len(arrays) for arrays in found] == [len(arrays) for arrays in expected]
    for layer, (found_arrays, expected_arrays) in enumerate(zip(found, expected, strict=True)):
        for place, (array, wanted) in enumerate(zip(found_arrays, expected_arrays, strict=True)):
            assert array.dtype == np.float32, f"layer {layer}, array {place} is {array.dtype}"
            np.testing.assert_array_equal(array, wanted, err_msg=f"layer {layer}, array {place}")


def assert_gradient_reaches_the_first_kernel(engine: Engine, architecture: ResolvedArchitecture) -> None:
    """One step of plain gradient descent, against differences of the loss that NumPy computes."""
    # Random, since the background of digits is even: which of equal maxima gets the gradient is open.
    images, labels = np.random.default_rng(0).random((8, 8, 8, 1), dtype=np.float32), np.arange(8)
    how = {"optimizer": "sgd", "learning_rate": 1.0, "batch_size": 8}
    network, start = built(engine, architecture, **how), random_weights(architecture)
    network.set_weights(start)
    one_epoch(network, images, labels)
    step = network.weights()[0][0] - start[0][0]

    def loss(kernel: np.ndarray) -> float:
        weights = ((kernel, start[0][1]), *start[1:])
        return -np.log(expected_probabilities(architecture, weights, images)[np.arange(8), labels]).mean()

    for place in np.ndindex(step.shape):
        change = np.zeros(step.shape)
        change[place] = 1e-5
        difference = (loss(start[0][0] + change) - loss(start[0][0] - change)) / 2e-5
        np.testing.assert_allclose(step[place], -difference, atol=1e-4)


# The checks. Each is called with the engine, and fails by raising.


def it_says_its_name_and_the_versions_that_decide_its_numbers(engine: Engine) -> None:
    assert engine.name == sys.argv[1]
    assert engine.version.startswith("keras 2.2.4" if engine.name == "plaidml" else "keras 3."), engine.version
    assert f", {engine.name} " in engine.version, engine.version


def it_lists_its_devices_best_first(engine: Engine) -> None:
    devices = engine.devices()
    kinds = [device.kind for device in devices]
    assert devices, "no device"
    assert kinds == sorted(kinds, key=["gpu", "cpu"].index), kinds
    assert len({device.id for device in devices}) == len(devices), devices
    assert all(device.name for device in devices), devices
    assert engine.device in devices, engine.device


def the_processor_is_listed_beside_gpus(engine: Engine) -> None:
    if engine.name != "jax":
        return  # the others tell of both by themselves
    processors = sys.modules["jax"].devices()
    gpu = mock.Mock(platform="gpu", id=0, device_kind="a GPU")
    with mock.patch("jax.devices", lambda backend=None: processors if backend == "cpu" else [gpu]):
        assert [device.id for device in engine._backend.devices()] == ["gpu:0", "cpu:0"]

    def only_gpus(backend: str | None = None) -> list[mock.Mock]:
        if backend == "cpu":
            raise RuntimeError("Unknown backend cpu")
        return [gpu]

    with mock.patch("jax.devices", only_gpus):
        assert [device.id for device in engine._backend.devices()] == ["gpu:0"]


def a_device_that_it_does_not_have_is_refused_with_the_list(engine: Engine) -> None:
    try:
        open_engine(engine.name, threads=1, device="no-such-device")
    except EngineError as error:
        said = str(error)
    else:
        raise AssertionError("it was opened")
    assert "no-such-device" in said, said
    assert all(device.id in said for device in engine.devices()), said


def it_keeps_to_the_number_of_threads_that_it_was_given(engine: Engine) -> None:
    if engine.name == "plaidml":  # it has no such setting: docs/plaidml.md
        return
    engine.build(resolved()).outputs(digits()[0])
    framework = sys.modules[engine.name]
    if engine.name == "tensorflow":
        threads = framework.config.threading.get_intra_op_parallelism_threads()
    elif engine.name == "torch":
        threads = framework.get_num_threads()
    else:
        threads = sum(_thread_name(task).startswith("tf_XLAEigen") for task in Path("/proc/self/task").iterdir())
    assert threads == 1, f"opened with threads=1, it has {threads}"
    if engine.name == "tensorflow":  # between its operations, which the pool would take to other cores
        assert _executors_of_a_step(engine) == ["SINGLE_THREADED_EXECUTOR"]
    # Pinned to its first core, it would share that one with every other worker of this machine.
    assert _cores() == CORES


def _executors_of_a_step(engine: Engine) -> list[str]:
    """What TensorFlow was asked to run a training step with."""
    experimental = sys.modules["tensorflow"].experimental
    original, asked = experimental.function_executor_type, []
    experimental.function_executor_type = lambda name: (asked.append(name), original(name))[1]
    try:
        one_epoch(started(engine), *digits(32))
    finally:
        experimental.function_executor_type = original
    return asked


def _thread_name(task: Path) -> str:
    try:
        return (task / "comm").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return ""


def float32_is_not_shortened_on_a_gpu(engine: Engine) -> None:
    """Where there is none, at least what each framework was told."""
    if engine.name == "tensorflow":
        import tensorflow as tf

        assert not tf.config.experimental.tensor_float_32_execution_enabled()
    elif engine.name == "torch":
        import torch

        assert not torch.backends.cudnn.allow_tf32
        assert torch.get_float32_matmul_precision() == "highest"
    elif engine.name == "jax":
        import jax

        assert jax.config.jax_default_matmul_precision == "highest"


def a_second_engine_in_the_process_is_refused(engine: Engine) -> None:
    for other in installed_engines():
        if other == engine.name:
            assert open_engine(other, 1, engine.device.id).name == engine.name
            continue
        try:
            open_engine(other)
        except EngineError as error:
            said = str(error)
        else:
            raise AssertionError(f"{other} was opened beside {engine.name}")
        assert engine.name in said, said
        assert other in said, said
        assert os.environ["KERAS_BACKEND"] == engine.name


def it_computes_the_reference_of_the_preflight(engine: Engine) -> None:
    check_device(engine)
    probabilities, _ = solve(engine)
    np.testing.assert_allclose(probabilities[: len(REFERENCE)], REFERENCE, atol=1e-4)


def weights_are_read_back_bit_for_bit_in_the_order_of_the_network(engine: Engine) -> None:
    network, weights = built(engine, resolved()), random_weights(resolved())
    network.set_weights(weights)
    found = network.weights()
    assert_weights_equal(found, weights)
    shapes = [tuple(weight.shape for weight in layer.weights) for layer in weighted_layers(resolved())]
    assert [tuple(array.shape for array in arrays) for arrays in found] == shapes


def weights_that_were_read_stay_as_they_are_while_training_goes_on(engine: Engine) -> None:
    images, labels = digits()
    network, start = started(engine, optimizer="sgd"), initial_weights(resolved(), 7)
    read = network.weights()
    one_epoch(network, images, labels)
    assert_weights_equal(read, start)
    assert digest(network.weights()) != digest(start)


def weights_that_are_set_are_copied(engine: Engine) -> None:
    images, labels = digits()
    network, start = built(engine, resolved(), optimizer="sgd"), initial_weights(resolved(), 7)
    network.set_weights(start)
    one_epoch(network, images, labels)
    assert_weights_equal(start, initial_weights(resolved(), 7))


def the_same_seeds_train_the_same_weights_twice_in_one_process(engine: Engine) -> None:
    first = two_epochs_before(engine)
    assert_weights_equal(two_epochs(engine), first)


def images_in_a_file_train_the_same_weights_as_those_in_memory(engine: Engine) -> None:
    in_memory = digits_dataset()
    in_file = new_array(in_memory.x_train.shape, np.uint8, "digits", memory_bytes=0)
    in_file[...] = in_memory.x_train
    how = recipe(optimizer="sgd", batch_size=PLAIN_BATCH)

    def trained(dataset: Dataset) -> Weights:
        setup = TrainingSetup(architecture=resolved(PLAIN), recipe=how, seeds=SEEDS, dataset=dataset)
        return train(engine, setup)[1].weights

    assert_weights_equal(trained(replace(in_memory, x_train=in_file)), trained(in_memory))


def looking_at_a_network_between_epochs_does_not_change_what_it_learns(engine: Engine) -> None:
    def look(network: Network) -> None:
        network.outputs(digits(50)[0])
        network.set_weights(network.weights())

    assert_weights_equal(two_epochs(engine, between=look), two_epochs_before(engine))


def another_dropout_seed_trains_other_weights(engine: Engine) -> None:
    assert digest(two_epochs(engine, dropout_seed=6)) != digest(two_epochs_before(engine))


def every_seed_of_32_bits_is_accepted_for_dropout(engine: Engine) -> None:
    images, labels = digits(32)
    network = started(engine)
    for seed in (0, 2**31 - 1, 2**31, 2**32 - 1):
        loss, _ = one_epoch(network, images, labels, dropout_seed=seed)
        assert np.isfinite(loss)


def training_learns_digits(engine: Engine) -> None:
    images, labels = digits()
    network = started(engine)
    progress = [one_epoch(network, images, labels, dropout_seed=epoch) for epoch in range(15)]
    assert progress[-1][0] < progress[0][0] / 2, progress
    accuracy = (network.outputs(images).argmax(axis=1) == labels).mean()
    assert accuracy > 0.9, accuracy


def the_loss_and_accuracy_of_an_epoch_are_means_over_its_images(engine: Engine) -> None:
    images, labels = digits(45)
    network = started(engine, PLAIN, optimizer="sgd", learning_rate=1e-9, batch_size=PLAIN_BATCH)
    probabilities = network.outputs(images)
    loss, accuracy = one_epoch(network, images, labels)
    np.testing.assert_allclose(loss, -np.log(probabilities[np.arange(45), labels]).mean(), rtol=1e-5)
    np.testing.assert_allclose(accuracy, (probabilities.argmax(axis=1) == labels).mean(), rtol=1e-5)


def images_are_taken_in_the_order_given(engine: Engine) -> None:
    images, labels = digits(64)

    def trained(order: np.ndarray) -> Weights:
        network = started(engine, PLAIN, optimizer="sgd", learning_rate=0.1, batch_size=PLAIN_BATCH)
        one_epoch(network, images[order], labels[order])
        return network.weights()

    # Four batches of plain gradient descent, computed here.
    kernel, bias = (array.astype(np.float64) for array in initial_weights(resolved(PLAIN), 7)[0])
    for start in range(0, 64, 16):
        pixels, classes = images[start : start + 16].reshape(16, -1), labels[start : start + 16]
        scores = pixels @ kernel + bias
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        gradient = (powers / powers.sum(axis=1, keepdims=True) - np.eye(10)[classes]) / 16
        kernel, bias = kernel - 0.1 * pixels.T @ gradient, bias - 0.1 * gradient.sum(axis=0)
    found = trained(np.arange(64))
    np.testing.assert_allclose(found[0][0], kernel, atol=1e-5)
    np.testing.assert_allclose(found[0][1], bias, atol=1e-5)
    assert digest(trained(np.arange(64)[::-1])) != digest(found)


def on_batch_is_called_with_the_number_of_each_batch_also_of_the_partial_last_one(engine: Engine) -> None:
    images, labels = digits(70)
    network = started(engine)
    for _ in range(2):
        numbers: list[int] = []
        one_epoch(network, images, labels, on_batch=numbers.append)
        assert numbers == [0, 1, 2], numbers
    numbers = []
    one_epoch(network, images[:3], labels[:3], on_batch=numbers.append)
    assert numbers == [0], numbers


def what_on_batch_raises_ends_the_epoch_and_reaches_the_caller(engine: Engine) -> None:
    class LeaseLostError(Exception):
        pass

    images, labels = digits(160)
    network = started(engine)
    seen: list[int] = []

    def stop(batch: int) -> None:
        seen.append(batch)
        if batch == 1:
            raise LeaseLostError

    try:
        one_epoch(network, images, labels, on_batch=stop)
    except LeaseLostError:
        pass
    else:
        raise AssertionError("the exception was swallowed")
    assert seen == [0, 1], seen
    assert np.isfinite(one_epoch(network, images, labels)[0])


def several_steps_in_one_call_train_what_single_ones_do(engine: Engine) -> None:
    if engine.name != "jax":
        return  # the others take one at a time, on a GPU, too
    # Nadam makes much of a gradient that is nothing but rounding, as those of biases before a normalization are.
    for architecture, optimizer, weights in ((VARIED, "sgd", None), (PLAIN, "nadam", np.linspace(0, 2, 32))):
        # Five full batches and a partial one: calls of three, two and one.
        images, labels = digits(176)
        batches = [
            batch._replace(
                learning_rate=0.01 / (1 + number),
                weights=None if weights is None else weights[: len(batch.images)].astype(np.float32),
            )
            for number, batch in enumerate(batches_in_order(images, labels, 32, 0.01))
        ]
        alone = started(engine, architecture, optimizer=optimizer)
        expected = alone.train_epoch(batches, dropout_seed=1, on_batch=ignore)
        with mock.patch.object(type(engine._backend), "steps_at_once", return_value=3):
            together = started(engine, architecture, optimizer=optimizer)
        numbers: list[int] = []
        with mock.patch(
            f"{type(engine._backend).__module__}._stacked", wraps=sys.modules[type(engine._backend).__module__]._stacked
        ) as stacked:
            found = together.train_epoch(batches, dropout_seed=1, on_batch=numbers.append)
        assert [len(call.args[0]) for call in stacked.call_args_list] == [3, 2], stacked.call_args_list
        assert numbers == [0, 1, 2, 3, 4, 5], numbers
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        for arrays, wanted in zip(together.weights(), alone.weights(), strict=True):
            for array, one in zip(arrays, wanted, strict=True):
                np.testing.assert_allclose(array, one, atol=1e-5)
        for array, one in zip(together.optimizer_state(), alone.optimizer_state(), strict=True):
            np.testing.assert_allclose(array, one, atol=1e-5)


def a_loss_that_is_no_number_is_returned_as_such(engine: Engine) -> None:
    images, labels = digits(64)
    network = started(engine, PLAIN, batch_size=PLAIN_BATCH)
    network.set_weights(tuple(tuple(np.full_like(array, np.nan) for array in arrays) for arrays in network.weights()))
    assert np.isnan(one_epoch(network, images, labels)[0])


def probabilities_are_float32_and_their_rows_sum_to_one(engine: Engine) -> None:
    network = engine.build(resolved())
    network.set_weights(random_weights(resolved()))
    for size in (1, 7, 250):
        probabilities = network.outputs(digits(size)[0])
        assert probabilities.dtype == np.float32
        assert probabilities.shape == (size, 10)
        assert probabilities.min() >= 0
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def probabilities_do_not_depend_on_how_many_images_are_asked_at_once(engine: Engine) -> None:
    images = np.tile(digits(300)[0], (7, 1, 1, 1))[:1500]
    untrained, trainable = engine.build(resolved()), built(engine, resolved(), batch_size=3)
    for network in (untrained, trainable):
        network.set_weights(random_weights(resolved()))
    together = untrained.outputs(images)
    for network in (untrained, trainable):
        for size in (1, 999, 1001):
            np.testing.assert_allclose(network.outputs(images[:size]), together[:size], atol=1e-6)
    np.testing.assert_allclose(untrained.outputs(images[300:600]), together[:300], atol=1e-6)


def several_threads_may_ask_for_probabilities_at_once(engine: Engine) -> None:
    images = np.tile(digits(300)[0], (10, 1, 1, 1))
    network = engine.build(resolved())
    network.set_weights(random_weights(resolved()))
    parts = np.split(images, 6)
    with ThreadPoolExecutor(engine.parallel_predictions()) as pool:
        found = list(pool.map(network.outputs, parts))
    for part, probabilities in zip(parts, found, strict=True):
        np.testing.assert_array_equal(probabilities, network.outputs(part))


def dropout_is_off_when_probabilities_are_asked(engine: Engine) -> None:
    images = digits()[0]
    network = started(engine)
    np.testing.assert_array_equal(network.outputs(images), network.outputs(images))


def every_optimizer_takes_a_step(engine: Engine) -> None:
    images, labels = digits(32)
    architecture = Architecture(layers=(Conv2D(filters=3), BatchNormalization(), *PLAIN.layers))
    for optimizer in OPTIMIZERS:
        network = started(engine, architecture, optimizer=optimizer, learning_rate=0.001)
        before = network.weights()
        loss, _ = one_epoch(network, images, labels)
        assert np.isfinite(loss), optimizer
        for arrays, old_arrays in zip(network.weights(), before, strict=True):
            for array, old in zip(arrays, old_arrays, strict=True):
                assert np.isfinite(array).all(), optimizer
                assert not np.array_equal(array, old), f"{optimizer} left an array of {array.shape} as it was"


def every_optimizer_takes_the_steps_of_its_formula(engine: Engine) -> None:
    """On every engine the same: what two generations of Keras call Nadam differs, deepchord's does not."""
    images, labels = digits(64)
    for changes in STEPS:
        network = started(engine, PLAIN, learning_rate=0.01, batch_size=PLAIN_BATCH, **changes)
        one_epoch(network, images, labels)
        kernel, bias = (array.astype(np.float64) for array in initial_weights(resolved(PLAIN), 7)[0])
        step = _steps(network.recipe)
        for start in range(0, 64, 16):
            pixels, classes = images[start : start + 16].reshape(16, -1), labels[start : start + 16]
            powers = np.exp(pixels @ kernel + bias)
            gradient = (powers / powers.sum(axis=1, keepdims=True) - np.eye(10)[classes]) / 16
            stepped = step(np.concatenate([(pixels.T @ gradient).ravel(), gradient.sum(axis=0)]), 0.01)
            kernel, bias = (1 - 0.01 * network.recipe.weight_decay) * kernel, bias - stepped[-10:]
            kernel -= stepped[:-10].reshape(kernel.shape)
        found = network.weights()[0]
        np.testing.assert_allclose(found[0], kernel, atol=1e-5, err_msg=str(changes))
        np.testing.assert_allclose(found[1], bias, atol=1e-5, err_msg=str(changes))


def _steps(how: Recipe) -> Callable[[np.ndarray, float], np.ndarray]:
    """Return what turns each gradient into what is taken from the weights, with Keras's hyperparameters."""
    optimizer, most = how.optimizer, how.global_clipnorm or np.inf
    mean, square = 0.0, 0.1 if optimizer == "adagrad" else 0.0
    schedule, step = 1.0, 0

    def take(gradient: np.ndarray, rate: float) -> np.ndarray:
        nonlocal mean, square, schedule, step
        step += 1
        gradient = gradient * min(1.0, most / np.linalg.norm(gradient))
        if optimizer == "sgd":
            mean = how.momentum * mean + rate * gradient
            return how.momentum * mean + rate * gradient if how.nesterov else mean
        if optimizer == "lion":
            direction, mean = np.sign(0.9 * mean + 0.1 * gradient), 0.99 * mean + 0.01 * gradient
            return rate * direction
        if optimizer == "adagrad":
            square = square + gradient**2
            return rate * gradient / np.sqrt(square + 1e-7)
        if optimizer == "rmsprop":
            square = 0.9 * square + 0.1 * gradient**2
            return rate * gradient / np.sqrt(square + 1e-7)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        unbiased = square / (1 - 0.999**step)
        if optimizer in ("adam", "adamw"):
            return rate * mean / (1 - 0.9**step) / (np.sqrt(unbiased) + 1e-7 / np.sqrt(1 - 0.999**step))
        now, following = (0.9 * (1 - 0.5 * 0.96**power) for power in (step, step + 1))
        schedule *= now
        ahead = following * mean / (1 - schedule * following) + (1 - now) * gradient / (1 - schedule)
        return rate * ahead / (np.sqrt(unbiased) + 1e-7)

    return take


def an_optimizer_goes_on_from_its_state(engine: Engine) -> None:
    images, labels = digits(32)
    # Of each kind of state one; a network is compiled anew for each.
    for changes in ({"optimizer": "nadam"}, {"optimizer": "lion"}, {"optimizer": "sgd", "momentum": 0.9}):
        network = started(engine, PLAIN, batch_size=PLAIN_BATCH, **changes)
        one_epoch(network, images, labels)
        weights, state = network.weights(), network.optimizer_state()
        one_epoch(network, images, labels)
        expected, then = network.weights(), network.optimizer_state()
        network.set_weights(weights)
        network.set_optimizer_state(state)
        one_epoch(network, images, labels)
        assert_weights_equal(network.weights(), expected)
        for array, wanted in zip(network.optimizer_state(), then, strict=True):
            np.testing.assert_array_equal(array, wanted, err_msg=str(changes))


def every_batch_is_trained_at_its_own_learning_rate(engine: Engine) -> None:
    images, labels = digits(48)
    for optimizer in OPTIMIZERS:
        network = started(engine, PLAIN, optimizer=optimizer, learning_rate=0.01, batch_size=PLAIN_BATCH)
        rates = (0.02, 0.0, 0.005)
        parts = (slice(16 * place, 16 * place + 16) for place in range(3))
        batches = [Batch(images[part], labels[part], rate) for part, rate in zip(parts, rates, strict=True)]
        network.train_epoch(batches[:1], dropout_seed=1, on_batch=ignore)
        before = network.weights()
        network.train_epoch(batches[1:2], dropout_seed=1, on_batch=ignore)
        assert_weights_equal(network.weights(), before)
        network.train_epoch(batches[2:], dropout_seed=1, on_batch=ignore)
        assert digest(network.weights()) != digest(before), optimizer
        if optimizer == "sgd":
            others = started(engine, PLAIN, optimizer=optimizer, learning_rate=0.01, batch_size=PLAIN_BATCH)
            others.set_weights(before)
            doubled = batches[2]._replace(learning_rate=2 * batches[2].learning_rate)
            others.train_epoch([doubled], dropout_seed=1, on_batch=ignore)
            step, twice = (found.weights()[0][0] - before[0][0] for found in (network, others))
            np.testing.assert_allclose(twice, 2 * step, atol=1e-6)


def an_image_that_is_surely_wrong_still_teaches(engine: Engine) -> None:
    if engine.name == "plaidml":  # its cross-entropy clips probabilities at 1e-7, as Keras 2 does
        return
    images, labels = digits(16)
    network = started(engine, PLAIN, optimizer="sgd", learning_rate=0.1, batch_size=PLAIN_BATCH)
    ((kernel, bias),) = network.weights()
    surely_wrong = np.where(np.arange(10) == (labels[0] + 1) % 10, np.float32(40), np.float32(0))
    network.set_weights(((0 * kernel, bias + surely_wrong),))
    one_epoch(network, images[:1], labels[:1])
    found = network.weights()[0][1] - surely_wrong
    assert found[labels[0]] > 0.09, found


def smoothed_labels_are_what_is_trained_towards(engine: Engine) -> None:
    images, labels = digits(16)
    _check_step_towards(engine, images, labels, np.eye(10)[labels])


def probabilities_may_stand_for_the_labels(engine: Engine) -> None:
    images, _ = digits(16)
    given = np.random.default_rng(0).dirichlet(np.ones(10), 16).astype(np.float32)
    _check_step_towards(engine, images, given, given)


def images_count_as_much_as_their_weights_but_not_in_the_accuracy(engine: Engine) -> None:
    """The loss is the sum of the weighted losses over the number of images, also in a last batch that is smaller."""
    images, labels = digits(26)
    weights = np.tile(np.array([1.0, 0.0, 2.5, 0.3], np.float32), 7)[:26]
    targets = np.random.default_rng(0).dirichlet(np.ones(10), 26).astype(np.float32)
    for given in (labels, targets):
        network = started(engine, PLAIN, optimizer="sgd", learning_rate=0.5, batch_size=PLAIN_BATCH)
        kernel, bias = (array.astype(np.float64) for array in network.weights()[0])
        parts, losses, hits = (slice(0, 16), slice(16, 26)), [], []
        batches = [Batch(images[part], given[part], 0.5, weights[part]) for part in parts]
        loss, accuracy = network.train_epoch(batches, dropout_seed=1, on_batch=ignore)
        for part in parts:
            pixels, counted = images[part].reshape(-1, 64), weights[part][:, None]
            wanted = given[part] if given.ndim == 2 else np.eye(10)[given[part]]
            probabilities = np.exp(pixels @ kernel + bias)
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            losses.extend(-(counted * wanted * np.log(probabilities)).sum(axis=1))
            hits.extend(probabilities.argmax(axis=1) == wanted.argmax(axis=1))
            gradient = counted * (probabilities - wanted) / len(pixels)
            kernel, bias = kernel - 0.5 * pixels.T @ gradient, bias - 0.5 * gradient.sum(axis=0)
        np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-5)
        np.testing.assert_allclose(accuracy, np.mean(hits), rtol=1e-5)
        np.testing.assert_allclose(network.weights()[0][0], kernel, atol=1e-5)
        np.testing.assert_allclose(network.weights()[0][1], bias, atol=1e-5)


def _check_step_towards(engine: Engine, images: Images, labels: np.ndarray, targets: np.ndarray) -> None:
    """One step of plain gradient descent, computed here; weight decay takes its part of the kernel alone."""
    how = {"optimizer": "sgd", "learning_rate": 0.5, "label_smoothing": 0.2, "weight_decay": 0.1}
    network = started(engine, PLAIN, batch_size=PLAIN_BATCH, **how)
    bias = np.linspace(-1, 1, 10, dtype=np.float32)
    kernel = network.weights()[0][0]
    network.set_weights(((kernel, bias),))
    loss, accuracy = one_epoch(network, images, labels)
    probabilities = np.exp(images.reshape(16, -1) @ kernel.astype(np.float64) + bias)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    wanted = 0.8 * targets + 0.02
    gradient = (probabilities - wanted) / 16
    ((found_kernel, found_bias),) = network.weights()
    assert accuracy == np.mean(probabilities.argmax(axis=1) == targets.argmax(axis=1))
    np.testing.assert_allclose(loss, -(wanted * np.log(probabilities)).sum(axis=1).mean(), rtol=1e-5)
    np.testing.assert_allclose(
        found_kernel, (1 - 0.5 * 0.1) * kernel - 0.5 * images.reshape(16, -1).T @ gradient, atol=1e-5
    )
    np.testing.assert_allclose(found_bias, bias - 0.5 * gradient.sum(axis=0), atol=1e-5)


def weight_decay_is_taken_whatever_the_optimizer(engine: Engine) -> None:
    images, labels = digits(PLAIN_BATCH)
    for optimizer in OPTIMIZERS:
        without, decaying = (
            started(engine, PLAIN, optimizer=optimizer, batch_size=PLAIN_BATCH, weight_decay=decay)
            for decay in (0.0, 0.5)
        )
        ((kernel, _),) = without.weights()
        for network in (without, decaying):
            one_epoch(network, images, labels)
        ((kernel_without, bias_without),), ((kernel_decaying, bias_decaying),) = without.weights(), decaying.weights()
        np.testing.assert_allclose(kernel_decaying, kernel_without - 0.01 * 0.5 * kernel, atol=1e-6, err_msg=optimizer)
        np.testing.assert_allclose(bias_decaying, bias_without, atol=1e-6, err_msg=optimizer)


def dropout_drops_its_share_and_makes_up_for_it(engine: Engine) -> None:
    """Of one input that speaks for the right class: what the loss is where it is kept, and where it is dropped."""
    architecture = resolved(Architecture(layers=(Flatten(), Dropout(rate=0.25), *PLAIN.layers[1:])), (1, 1, 1))
    network = built(engine, architecture, optimizer="sgd", learning_rate=1e-6, batch_size=4096)
    images, labels = np.ones((4096, 1, 1, 1), np.float32), np.zeros(4096, np.int64)
    for strength in (1.0, 10.0):
        network.set_weights(((strength * np.eye(1, 10, dtype=np.float32), np.zeros(10, np.float32)),))
        found, _ = one_epoch(network, images, labels)
        kept = np.log(1 + 9 * np.exp(-strength / 0.75))
        dropped = np.log(10)
        standard_error = (dropped - kept) * (0.75 * 0.25 / 4096) ** 0.5
        assert abs(found - (0.75 * kept + 0.25 * dropped)) < 5 * standard_error, (strength, found)


def dropout_can_be_scaled_down_to_none(engine: Engine) -> None:
    images, labels = digits(64)
    layers = (Flatten(), Dropout(rate=0.5), Dense(units="classes", activation="softmax"))
    without = started(engine, PLAIN, batch_size=PLAIN_BATCH)
    scaled_down = started(engine, Architecture(layers=layers), batch_size=PLAIN_BATCH, dropout_scale=0.0)
    for network in (without, scaled_down):
        one_epoch(network, images, labels)
    for array, expected in zip(scaled_down.weights()[0], without.weights()[0], strict=True):
        np.testing.assert_allclose(array, expected, atol=1e-6)


def a_member_learns_as_well_in_bfloat16_and_is_scored_in_float32(engine: Engine) -> None:
    """On whatever does not gain by it, it is trained in float32."""
    how = recipe(epochs=20, precision="bfloat16")
    network, trained = train(
        engine, TrainingSetup(architecture=resolved(), recipe=how, seeds=SEEDS, dataset=digits_dataset())
    )
    images = digits(100)[0]
    expected = expected_probabilities(resolved(), trained.best_weights, images)
    np.testing.assert_allclose(network.outputs(images), expected, atol=1e-5)
    assert trained.history[-1].validation_accuracy > 0.8, trained.history
    assert all(array.dtype == np.float32 for arrays in trained.weights for array in arrays)
    _, in_float32 = train(
        engine, TrainingSetup(architecture=resolved(), recipe=recipe(epochs=20), seeds=SEEDS, dataset=digits_dataset())
    )
    same = digest(in_float32.weights) == digest(trained.weights)
    assert same == (engine.precision(how) == "float32")


def the_gradient_through_batch_normalization_is_right(engine: Engine) -> None:
    """What is added to all of a channel before it is normalized makes no difference, so its gradient is zero."""
    images, labels = digits(128)
    layers = (
        Conv2D(filters=6, activation="linear"),
        BatchNormalization(),
        Flatten(),
        Dense(units=8, activation="linear"),
        BatchNormalization(),
        Dense(units="classes", activation="softmax"),
    )
    network = started(engine, Architecture(layers=layers), optimizer="sgd", learning_rate=0.1)
    first, _ = one_epoch(network, images, labels)
    last, _ = one_epoch(network, images, labels, dropout_seed=2)
    assert last < first
    for layer in (0, 2):
        np.testing.assert_allclose(network.weights()[layer][1], 0, atol=1e-5)


def layers_that_are_not_trained_keep_their_weights_bit_for_bit(engine: Engine) -> None:
    """Whatever else changes weights: penalties, weight decay, momentum, moving averages."""
    frozen = {"trainable": False}
    architecture = resolved(
        Architecture(
            layers=(
                Conv2D(filters=4, kernel_l2=0.1, **frozen),
                BatchNormalization(momentum=0.5, **frozen),
                Residual(layers=(Conv2D(filters=4), BatchNormalization(momentum=0.5)), **frozen),
                Conv2D(filters=3, activation="linear"),
                BatchNormalization(momentum=0.5),
                GlobalAveragePooling2D(),
                Dense(units=8, activation="tanh", kernel_l1=0.1, **frozen),
                Dense(units="classes", activation="softmax", kernel_l2=0.1),
            )
        )
    )
    images, labels = digits(48)
    start = random_weights(architecture)
    for changes in ({"optimizer": "adamw", "weight_decay": 0.5}, {"optimizer": "sgd", "momentum": 0.9}):
        network = built(engine, architecture, learning_rate=0.01, global_clipnorm=1.0, **changes)
        network.set_weights(start)
        one_epoch(network, images, labels)
        for layer, arrays, before in zip(weighted_layers(architecture), network.weights(), start, strict=True):
            for weight, array, old in zip(layer.weights, arrays, before, strict=True):
                is_kept, where = np.array_equal(array, old), f"{changes}: {weight.name} of {layer.name}"
                if not layer.layer.trainable:
                    assert is_kept, where
                elif weight.name != "bias":  # that before a normalization has no gradient
                    assert not is_kept, where


def a_normalization_that_is_not_trained_computes_with_its_moving_averages_in_training(engine: Engine) -> None:
    frozen = BatchNormalization(trainable=False)
    layers = (Conv2D(filters=2, activation="tanh"), frozen, Flatten(), frozen, *PLAIN.layers[1:])
    assert_gradient_reaches_the_first_kernel(engine, resolved(Architecture(layers=layers)))


def batch_normalization_remembers_mean_and_variance_of_its_batches(engine: Engine) -> None:
    """Of images and of vectors; the variance is that of the batch itself, not of what it is a sample of."""
    images, labels = digits(8)
    layers = (
        BatchNormalization(momentum=0.8),
        Flatten(),
        BatchNormalization(momentum=0.6),
        Dense(units="classes", activation="softmax"),
    )
    normalized = (images - images.mean()) / np.sqrt(images.var() + 0.001)
    vectors = normalized.reshape(8, 64)
    expected = (
        (0.2 * images.mean(keepdims=True).ravel(), 0.8 + 0.2 * images.var(keepdims=True).ravel()),
        (0.4 * vectors.mean(axis=0), 0.6 + 0.4 * vectors.var(axis=0)),
    )
    for precision, close in (("float32", 2e-4), ("bfloat16", 1e-2)):
        network = started(engine, Architecture(layers=layers), batch_size=8, precision=precision)
        one_epoch(network, images, labels)
        for layer, moments in zip(network.weights()[:2], expected, strict=True):
            for found, moment in zip(layer[2:], moments, strict=True):
                np.testing.assert_allclose(found, moment, rtol=close, atol=close, err_msg=precision)


def a_dropout_rate_of_zero_is_no_dropout(engine: Engine) -> None:
    images, labels = digits(64)
    layers = (Flatten(), Dropout(rate=0.0), Dense(units="classes", activation="softmax"))
    without, with_zero = (
        started(engine, architecture, batch_size=PLAIN_BATCH) for architecture in (PLAIN, Architecture(layers=layers))
    )
    for network in (without, with_zero):
        one_epoch(network, images, labels)
    for array, expected in zip(with_zero.weights()[0], without.weights()[0], strict=True):
        np.testing.assert_allclose(array, expected, atol=1e-6)


def images_of_other_sizes_and_with_colours_are_trained_on(engine: Engine) -> None:
    generator = np.random.default_rng(0)
    for shape in ((32, 32, 3), (9, 13, 2)):
        architecture = resolved(VARIED, shape)
        network = built(engine, architecture, batch_size=5, optimizer="sgd")
        network.set_weights(initial_weights(architecture, 1))
        images = generator.random((10, *shape), dtype=np.float32)
        one_epoch(network, images, np.arange(10))
        expected = expected_probabilities(architecture, network.weights(), images)
        np.testing.assert_allclose(network.outputs(images), expected, atol=1e-5)


def rows_of_a_table_are_trained_on(engine: Engine) -> None:
    hidden = (Dense(units=7), BatchNormalization(momentum=0.9), ActivationLayer(activation="relu"), Dropout(rate=0.3))
    architecture = resolved(Architecture(layers=(*hidden, Dense(units="classes", activation="softmax"))), (64,))
    images, labels = digits(200)
    network = built(engine, architecture, batch_size=16)
    network.set_weights(initial_weights(architecture, 1))
    first, _ = one_epoch(network, images.reshape(-1, 64), labels)
    for _ in range(4):
        last, _ = one_epoch(network, images.reshape(-1, 64), labels)

    rows = images[:20].reshape(-1, 64)
    expected = expected_probabilities(architecture, network.weights(), rows)

    np.testing.assert_allclose(network.outputs(rows), expected, atol=1e-5)
    assert last < first


def numbers_are_learnt_by_their_likelihood(engine: Engine) -> None:
    """One step of plain gradient descent, against differences of the loss that NumPy computes."""
    generator = np.random.default_rng(0)
    rows = generator.random((16, 3), dtype=np.float32)
    numbers, counted = generator.normal(size=(16, 2)).astype(np.float32), generator.random(16).astype(np.float32)
    # Numbers that an ensemble teaches have variances, which are expected of their errors.
    spread = generator.random((16, 2)).astype(np.float32)
    architecture = Architecture(layers=(Dense(units="outputs"),)).resolve(input_shape=(3,), targets=2)
    start = random_weights(architecture)
    how = {"optimizer": "sgd", "learning_rate": 1.0, "batch_size": 16}

    def losses(kernel: np.ndarray, bias: np.ndarray, taught: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        means, variances = means_and_variances(rows @ kernel.astype(np.float64) + bias)
        return gaussian_losses(means, variances, numbers) + 0.5 * taught / variances, variances

    certain = np.zeros_like(spread)
    for weights, beta, taught in (
        (None, 0.0, certain),
        (counted, 0.0, certain),
        (counted, 0.5, certain),
        (None, 0.0, spread),
        (counted, 0.0, spread),
    ):
        if beta and engine.name == "plaidml":
            try:
                built(engine, architecture, beta_nll=beta, **how)
            except EngineError:
                continue
            raise AssertionError("PlaidML held a gradient back")
        network = built(engine, architecture, beta_nll=beta, **how)
        network.set_weights(start)
        kernel, bias = (array.astype(np.float64) for array in start[0])
        before, variances = losses(kernel, bias, taught)
        # No gradient goes through these.
        factors = variances**beta * (1.0 if weights is None else weights[:, None])

        learnt = numbers if taught is certain else np.hstack([numbers, spread])
        loss, error = network.train_epoch([Batch(rows, learnt, 1.0, weights)], dropout_seed=1, on_batch=ignore)

        np.testing.assert_allclose(loss, (factors * before).mean(), rtol=1e-4)
        means, _ = means_and_variances(rows @ kernel + bias)
        np.testing.assert_allclose(error, ((numbers - means) ** 2).mean(), rtol=1e-4)
        for place, (found, given) in enumerate(zip(network.weights()[0], (kernel, bias), strict=True)):
            for at in np.ndindex(given.shape):
                change = np.zeros_like(given)
                change[at] = 1e-5
                ends = []
                for sign in (1, -1):
                    moved = [kernel, bias]
                    moved[place] = given + sign * change
                    ends.append((factors * losses(*moved, taught)[0]).mean())
                np.testing.assert_allclose(given[at] - found[at], (ends[0] - ends[1]) / 2e-5, atol=1e-4)


def labels_are_learnt_by_their_cross_entropy_also_where_a_network_is_sure(engine: Engine) -> None:
    """Steps of plain gradient descent, against the gradients that are known; saturated outputs learn, too."""
    generator = np.random.default_rng(0)
    rows = generator.random((12, 3), dtype=np.float32)
    labels = generator.integers(0, 2, (12, 2)).astype(np.float32)
    counted = generator.random(12).astype(np.float32)
    network = Architecture(layers=(Dense(units="outputs", activation="sigmoid"),))
    behind = Architecture(layers=(Dense(units="outputs"), ActivationLayer(activation="sigmoid")))
    for architecture, offset, weights in ((network, 0.0, None), (network, 40.0, counted), (behind, -90.0, None)):
        resolved_network = architecture.resolve(input_shape=(3,), labels=2)
        trained = built(engine, resolved_network, optimizer="sgd", learning_rate=1.0, batch_size=12)
        ((kernel, bias),) = random_weights(resolved_network)
        trained.set_weights(((kernel, bias + np.float32(offset)),))
        logits = rows.astype(np.float64) @ kernel + bias + offset
        given = 1 / (1 + np.exp(-logits))
        factors = np.ones(12) if weights is None else weights
        gradient = factors[:, None] * (given - labels) / (2 * 12)

        np.testing.assert_allclose(trained.outputs(rows), given, atol=1e-6)
        loss, wrong = trained.train_epoch([Batch(rows, labels, 1.0, weights)], dropout_seed=1, on_batch=ignore)

        losses = np.logaddexp(0, logits) - labels * logits
        np.testing.assert_allclose(loss, (factors * losses.mean(axis=1)).mean(), rtol=1e-4)
        np.testing.assert_allclose(wrong, ((given > 0.5) != labels).mean(), atol=1e-6)
        ((moved_kernel, moved_bias),) = trained.weights()
        np.testing.assert_allclose(kernel - moved_kernel, rows.T @ gradient, atol=1e-5)
        # A bias of 90 has five digits behind the point.
        np.testing.assert_allclose(bias + np.float32(offset) - moved_bias, gradient.sum(axis=0), atol=2e-5)


def a_network_is_trained_and_asked_in_batches_of_one_shape_where_another_is_compiled_anew(engine: Engine) -> None:
    images, labels = digits(205)
    network = started(engine, batch_size=32)
    shapes: dict[str, set[tuple[int, ...]]] = {}

    def note(owner: object, program: str) -> None:
        original = getattr(owner, program)

        def noted(batch, *rest, **options):
            shapes.setdefault(program, set()).add(batch.shape)
            return original(batch, *rest, **options)

        setattr(owner, program, noted)

    if engine.name == "plaidml":  # the others take a last batch that is smaller as it comes
        note(network._model, "train_on_batch")
        note(network._model, "predict_on_batch")
    else:
        note(network, "_predict")
    for epoch in range(2):
        one_epoch(network, images, labels, dropout_seed=epoch)
        for part in (images[:131], images, images[:7]):
            network.outputs(part)
    assert {len(seen) for seen in shapes.values()} == {1}, shapes


def networks_that_are_made_one_after_another_are_not_warned_of(engine: Engine) -> None:
    """TensorFlow warns of a function that it makes anew again and again."""
    written: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: written.append(record.getMessage())
    logging.getLogger("tensorflow").addHandler(handler)
    try:
        for _ in range(8):
            engine.build(resolved()).outputs(digits(3)[0])
    finally:
        logging.getLogger("tensorflow").removeHandler(handler)
    assert written == []


def the_network_of_the_notebook_is_built(engine: Engine) -> None:
    architecture = resolved(notebook_architecture(), (28, 28, 1))
    network = built(engine, architecture, batch_size=4, optimizer="sgd")
    weights = random_weights(architecture)
    weights = tuple((kernel / 4, bias) for kernel, bias in weights)
    network.set_weights(weights)
    images = np.random.default_rng(0).random((5, 28, 28, 1), dtype=np.float32)
    np.testing.assert_allclose(
        network.outputs(images), expected_probabilities(architecture, weights, images), atol=1e-5
    )
    one_epoch(network, images, np.arange(5))
    assert sum(array.size for arrays in network.weights() for array in arrays) == 331_450


def windows_of_average_pooling_that_reach_beyond_the_image_count_only_its_pixels(engine: Engine) -> None:
    for pool_size, shape in [(3, (5, 5, 2)), (4, (3, 1, 1)), (2, (3, 4, 1)), (5, (7, 8, 3))]:
        layers = (AveragePooling2D(pool_size=pool_size, padding="same"), *PLAIN.layers)
        architecture = Architecture(layers=layers).resolve(input_shape=shape, classes=3)
        weights = random_weights(architecture, 1)
        images = np.random.default_rng(1).random((3, *shape), dtype=np.float32)
        network = engine.build(architecture)
        network.set_weights(weights)
        np.testing.assert_allclose(
            network.outputs(images), expected_probabilities(architecture, weights, images), atol=1e-5
        )


def random_networks_compute_what_numpy_computes(engine: Engine) -> None:
    @hypothesis.settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(architecture=random_architectures(), seed=st.integers(0, 1000))
    def compare(architecture: ResolvedArchitecture, seed: int) -> None:
        if refusal(engine.name, architecture):
            hypothesis.reject()
        weights = random_weights(architecture, seed)
        images = np.random.default_rng(seed).random((3, *architecture.input_shape), dtype=np.float32)
        network = engine.build(architecture)
        network.set_weights(weights)
        assert_weights_equal(network.weights(), weights)
        np.testing.assert_allclose(
            network.outputs(images), expected_probabilities(architecture, weights, images), atol=1e-4
        )

    compare()


def every_layer_computes_what_numpy_computes_and_passes_gradients(engine: Engine) -> None:
    if "opencl" in engine.device.id:  # the same formulas as through LLVM, and each takes long to compile
        return
    images = np.random.default_rng(1).random((3, 8, 8, 1), dtype=np.float32)
    for name, architecture in EVERY_LAYER.items():
        network = resolved(architecture)
        built_here, weights = engine.build(network), random_weights(network)
        built_here.set_weights(weights)
        assert_weights_equal(built_here.weights(), weights)
        expected = expected_probabilities(network, weights, images)
        np.testing.assert_allclose(built_here.outputs(images), expected, atol=1e-4, err_msg=name)
        try:
            assert_gradient_reaches_the_first_kernel(engine, network)
        except AssertionError as error:
            raise AssertionError(f"the gradient through {name}: {error}") from error


def penalties_draw_kernels_and_no_biases_towards_zero(engine: Engine) -> None:
    images, labels = digits(16)
    how = {"optimizer": "sgd", "learning_rate": 0.5, "batch_size": 16}
    penalized = Dense(units="classes", activation="softmax", kernel_l1=0.01, kernel_l2=0.02)
    end = {"without": PLAIN.layers[1:], "with": (penalized,)}
    trained = {}
    for name, layers in end.items():
        architecture = Architecture(layers=(Flatten(), *layers))
        network = started(engine, architecture, **how)
        kernel = network.weights()[0][0]
        loss, _ = one_epoch(network, images, labels)
        trained[name] = network.weights()[0], loss
    (kernel_with, bias_with), loss_with = trained["with"]
    (kernel_without, bias_without), loss_without = trained["without"]
    step = -0.5 * (0.01 * np.sign(kernel) + 2 * 0.02 * kernel)
    np.testing.assert_allclose(kernel_with - kernel_without, step, atol=1e-6)
    np.testing.assert_allclose(bias_with, bias_without, atol=1e-6)
    assert abs(loss_with - loss_without) < 1e-5


def noise_is_drawn_in_training_and_only_there(engine: Engine) -> None:
    images, labels = digits(32)
    network = started(engine, IN_TRAINING_ONLY, optimizer="sgd", learning_rate=0.1)
    before = network.outputs(images)
    np.testing.assert_array_equal(network.outputs(images), before)
    trained = []
    for seed in (1, 1, 2):
        network = started(engine, IN_TRAINING_ONLY, optimizer="sgd", learning_rate=0.1)
        one_epoch(network, images, labels, dropout_seed=seed)
        trained.append(network.weights())
    assert_weights_equal(trained[1], trained[0])
    assert not np.array_equal(trained[2][0][0], trained[0][0][0])


def a_residual_block_passes_gradients_on_both_ways(engine: Engine) -> None:
    block = Residual(layers=(Conv2D(filters=2, activation="tanh"), Conv2D(filters=2, activation="linear")))
    layers = (Conv2D(filters=2, strides=2, activation="tanh"), block, Flatten(), *PLAIN.layers[1:])
    assert_gradient_reaches_the_first_kernel(engine, resolved(Architecture(layers=layers)))


def max_pooling_passes_gradients_to_where_the_maximum_was(engine: Engine) -> None:
    """Also where rows and columns are left over, which no window takes."""
    layers = (Conv2D(filters=2, activation="tanh"), MaxPooling2D(pool_size=3), *PLAIN.layers)
    assert_gradient_reaches_the_first_kernel(engine, resolved(Architecture(layers=layers)))


def a_step_uses_the_memory_of_the_one_before(engine: Engine) -> None:
    if engine.name == "plaidml" or not sys.platform.startswith("linux"):
        return
    images, labels = np.zeros((512, 28, 28, 1), np.float32), np.zeros(512, np.int64)
    layers = (Conv2D(filters=32), GlobalAveragePooling2D(), *PLAIN.layers[1:])
    network = built(engine, resolved(Architecture(layers=layers), images.shape[1:]), batch_size=512)
    pages = []
    for _ in range(6):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        one_epoch(network, images, labels)
        pages.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    # What the convolution gives, 51 MB, lies on 12,500 pages.
    assert min(pages) < 1_000, pages


def nothing_is_left_of_a_network_that_is_not_needed_any_more(engine: Engine) -> None:
    if engine.name == "plaidml":  # has a process for each member
        return

    def objects_after_a_member() -> int:
        two_epochs(engine)
        gc.collect()
        return len(gc.get_objects())

    objects_after_a_member()
    before = objects_after_a_member()
    # The graph of a step of TensorFlow has thousands.
    assert objects_after_a_member() - before < 500


def memory_does_not_grow_with_the_variables_that_there_were(engine: Engine) -> None:
    if engine.name == "plaidml" or not sys.platform.startswith("linux"):
        return

    def resident_mib_after(networks: int) -> float:
        for _ in range(networks):
            # As many variables as ten networks have.
            for _ in range(100):
                engine._keras.Variable(np.zeros(1, np.float32))
            engine.build(resolved())
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20

    before = resident_mib_after(1)
    # Entries for variables in TensorFlow's cache of operations were 14 MiB.
    assert resident_mib_after(4) - before < 5


def a_member_is_trained_the_same_twice(engine: Engine) -> None:
    def trained() -> tuple[Network, TrainingState]:
        return train(
            engine,
            TrainingSetup(
                architecture=resolved(),
                recipe=recipe(epochs=4, schedule="one_cycle"),
                seeds=SEEDS,
                dataset=digits_dataset(),
            ),
        )

    network, first = trained()
    _, second = trained()
    assert_weights_equal(second.best_weights, first.best_weights)
    assert_weights_equal(network.weights(), first.best_weights)
    assert first.best_epoch == second.best_epoch
    for one, other in zip(first.history, second.history, strict=True):
        assert one.model_copy(update={"duration_s": 0.0}) == other.model_copy(update={"duration_s": 0.0})
    assert first.history[-1].train_loss < first.history[0].train_loss


def a_member_that_is_resumed_ends_as_one_that_was_never_cut_short(engine: Engine) -> None:
    saved: list[bytes] = []
    trainer = Trainer(host="here", engine=engine.name, engine_version=engine.version, device="cpu")

    class Saver(Observer):
        def epoch(self, state: TrainingState) -> None:
            part = TrainingPart(attempt=1, trainer=trainer, epochs=len(state.history), optimizer_continued=False)
            saved.append(encode_training(SavedTraining(state=state, parts=(part,))))

    schedule = {"schedule": "reduce_on_plateau", "plateau_patience": 1, "decay_factor": 0.5, "warmup_epochs": 0.5}
    changes = {"flip": True, "shift": 1, "rotation": 10, "mixup": 0.2, "class_weights": "balanced"}
    how = recipe(optimizer="nadam", learning_rate=0.002, epochs=4, **schedule, **changes)
    _, whole = train(
        engine, TrainingSetup(architecture=resolved(), recipe=how, seeds=SEEDS, dataset=digits_dataset()), Saver()
    )
    start = decode_training(saved[1], resolved(), "the state after epoch 2").state
    assert len(start.history) == 2
    _, resumed = train(
        engine, TrainingSetup(architecture=resolved(), recipe=how, seeds=SEEDS, dataset=digits_dataset()), start=start
    )
    assert_weights_equal(resumed.weights, whole.weights)
    assert_weights_equal(resumed.best_weights, whole.best_weights)
    for one, other in zip(resumed.optimizer, whole.optimizer, strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed.best_epoch == whole.best_epoch
    for one, other in zip(resumed.history, whole.history, strict=True):
        assert one.model_copy(update={"duration_s": 0.0}) == other.model_copy(update={"duration_s": 0.0})
    afresh = replace(start, optimizer=())
    _, without = train(
        engine, TrainingSetup(architecture=resolved(), recipe=how, seeds=SEEDS, dataset=digits_dataset()), start=afresh
    )
    assert not np.array_equal(without.weights[0][0], whole.weights[0][0]), "the optimizer's state changes nothing"


def an_optimizer_refuses_the_state_of_another(engine: Engine) -> None:
    network = started(engine)
    state = network.optimizer_state()
    refused = False
    try:
        network.set_optimizer_state((*state, np.zeros(3, dtype=np.float32)))
    except EngineError as error:
        refused = "The optimizer's state does not fit" in str(error)
    assert refused


def an_ensemble_is_the_mean_of_its_members(engine: Engine) -> None:
    dataset = digits_dataset()
    weights = [random_weights(resolved(), seed) for seed in range(3)]
    network = engine.build(resolved())
    alone = []
    for member in weights:
        network.set_weights(member)
        alone.append(predict(network, dataset.x_test, 10))
    candidates = [
        Candidate(
            index=index,
            network=resolved(),
            weights=lambda index=index: weights[index],
            own_outputs=lambda index=index: alone[index],
        )
        for index in range(3)
    ]
    trainer = Trainer(host="here", engine=engine.name, engine_version=engine.version, device="cpu")
    found = evaluate_members(Evaluator(engine=engine, trainer=trainer), dataset, candidates, 3)
    np.testing.assert_allclose(found.probabilities.test, np.mean(alone, axis=0), atol=1e-6)
    assert max(member.parity for member in found.evaluation.members) < 1e-6


# Between processes: what one of them leaves for another.


def train_and_digest(engine: Engine) -> str:
    return digest(two_epochs_before(engine))


def leave_a_trained_checkpoint(engine: Engine) -> None:
    """Leave weights that were trained here and the probabilities that they give here, the network and the images."""
    folder, images = Path(sys.argv[2]), digits(500)[0]
    network, trained = train(
        engine, TrainingSetup(architecture=resolved(), recipe=recipe(epochs=4), seeds=SEEDS, dataset=digits_dataset())
    )
    (folder / f"{sys.argv[3]}.hdf5").write_bytes(encode_checkpoint(resolved(), trained.best_weights))
    np.save(folder / f"{sys.argv[3]}.npy", network.outputs(images))
    (folder / "network.json").write_bytes(VARIED.encode())
    np.save(folder / "images.npy", images)


def agree_with_the_checkpoint_of(engine: Engine, writer: str) -> None:
    folder, images = Path(sys.argv[2]), digits(500)[0]
    network = engine.build(resolved())
    network.set_weights(decode_checkpoint((folder / f"{writer}.hdf5").read_bytes(), resolved(), writer))
    expected = np.load(folder / f"{writer}.npy")
    np.testing.assert_allclose(network.outputs(images), expected, atol=1e-4)


#: One pytest test for each of these on each engine.
CHECKS = (
    it_says_its_name_and_the_versions_that_decide_its_numbers,
    it_lists_its_devices_best_first,
    the_processor_is_listed_beside_gpus,
    a_device_that_it_does_not_have_is_refused_with_the_list,
    it_keeps_to_the_number_of_threads_that_it_was_given,
    float32_is_not_shortened_on_a_gpu,
    a_second_engine_in_the_process_is_refused,
    it_computes_the_reference_of_the_preflight,
    weights_are_read_back_bit_for_bit_in_the_order_of_the_network,
    weights_that_were_read_stay_as_they_are_while_training_goes_on,
    weights_that_are_set_are_copied,
    the_same_seeds_train_the_same_weights_twice_in_one_process,
    images_in_a_file_train_the_same_weights_as_those_in_memory,
    looking_at_a_network_between_epochs_does_not_change_what_it_learns,
    another_dropout_seed_trains_other_weights,
    every_seed_of_32_bits_is_accepted_for_dropout,
    training_learns_digits,
    the_loss_and_accuracy_of_an_epoch_are_means_over_its_images,
    images_are_taken_in_the_order_given,
    on_batch_is_called_with_the_number_of_each_batch_also_of_the_partial_last_one,
    what_on_batch_raises_ends_the_epoch_and_reaches_the_caller,
    several_steps_in_one_call_train_what_single_ones_do,
    a_loss_that_is_no_number_is_returned_as_such,
    probabilities_are_float32_and_their_rows_sum_to_one,
    probabilities_do_not_depend_on_how_many_images_are_asked_at_once,
    several_threads_may_ask_for_probabilities_at_once,
    dropout_is_off_when_probabilities_are_asked,
    every_optimizer_takes_a_step,
    every_optimizer_takes_the_steps_of_its_formula,
    an_optimizer_goes_on_from_its_state,
    every_batch_is_trained_at_its_own_learning_rate,
    an_image_that_is_surely_wrong_still_teaches,
    smoothed_labels_are_what_is_trained_towards,
    probabilities_may_stand_for_the_labels,
    images_count_as_much_as_their_weights_but_not_in_the_accuracy,
    weight_decay_is_taken_whatever_the_optimizer,
    dropout_drops_its_share_and_makes_up_for_it,
    dropout_can_be_scaled_down_to_none,
    a_member_learns_as_well_in_bfloat16_and_is_scored_in_float32,
    the_gradient_through_batch_normalization_is_right,
    batch_normalization_remembers_mean_and_variance_of_its_batches,
    layers_that_are_not_trained_keep_their_weights_bit_for_bit,
    a_normalization_that_is_not_trained_computes_with_its_moving_averages_in_training,
    a_dropout_rate_of_zero_is_no_dropout,
    images_of_other_sizes_and_with_colours_are_trained_on,
    rows_of_a_table_are_trained_on,
    numbers_are_learnt_by_their_likelihood,
    labels_are_learnt_by_their_cross_entropy_also_where_a_network_is_sure,
    a_network_is_trained_and_asked_in_batches_of_one_shape_where_another_is_compiled_anew,
    networks_that_are_made_one_after_another_are_not_warned_of,
    the_network_of_the_notebook_is_built,
    random_networks_compute_what_numpy_computes,
    every_layer_computes_what_numpy_computes_and_passes_gradients,
    noise_is_drawn_in_training_and_only_there,
    penalties_draw_kernels_and_no_biases_towards_zero,
    a_residual_block_passes_gradients_on_both_ways,
    max_pooling_passes_gradients_to_where_the_maximum_was,
    a_step_uses_the_memory_of_the_one_before,
    nothing_is_left_of_a_network_that_is_not_needed_any_more,
    memory_does_not_grow_with_the_variables_that_there_were,
    a_member_is_trained_the_same_twice,
    a_member_that_is_resumed_ends_as_one_that_was_never_cut_short,
    an_optimizer_refuses_the_state_of_another,
    an_ensemble_is_the_mean_of_its_members,
)
BETWEEN_PROCESSES = (train_and_digest, leave_a_trained_checkpoint, agree_with_the_checkpoint_of)


def _cores() -> set[int] | None:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


#: The cores that the process may use, before the engine is opened.
CORES = _cores()


def answer_requests() -> None:
    # Whatever a framework prints goes to stderr: stdout is for the answers alone.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    engine = open_engine(sys.argv[1], threads=1)
    warnings.simplefilter("error")
    # Keras 3.15 converts its variables with numpy.array(…, copy=False) in a way that NumPy 2 announces to drop.
    warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy keyword", DeprecationWarning)
    # Random networks have one-channel images with a softmax over channels, too.
    warnings.filterwarnings("ignore", "You are using a softmax over axis", UserWarning)
    known = {check.__name__: check for check in (*CHECKS, *BETWEEN_PROCESSES)}
    for line in sys.stdin:
        request = json.loads(line)
        failure = answer = None
        try:
            answer = known[request["check"]](engine, *request["arguments"])
        except Exception:  # noqa: BLE001 - the failure is the answer
            failure = traceback.format_exc()
        answers.write(json.dumps({"number": request["number"], "failure": failure, "answer": answer}) + "\n")
        answers.flush()


if __name__ == "__main__":
    answer_requests()
