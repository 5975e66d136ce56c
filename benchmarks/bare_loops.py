"""The notebook's network trained with nothing but a framework, as its experts would; what `step` compares with.

Each loop takes images [size, 28, 28, 1] and labels [size] and trains on all of them, batch by batch, with
Nadam; TensorFlow alone and JAX with Adam, which takes fewer operations. All on the device that an engine of deepchord
was opened on in the same process.
"""

import itertools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Loop = Callable[[NDArray[np.float32], NDArray[np.int64]], None]

#: Filters of each convolution; 0 is a pooling.
_CONVOLUTIONS = (16, 16, 0, 32, 32, 0, 64, 64, 64)
_UNITS = (128, 128)
_DROPOUTS = (0.25, 0.5, 0.5)
_CONVOLVED = sum(filters > 0 for filters in _CONVOLUTIONS)
_FLAT = 5 * 5 * 64


def keras_fit(precision: str, batch_size: int) -> Loop:
    """Keras 3 as its guide has it: `compile` and `fit`."""
    import keras

    from benchmarks.plain_keras import network

    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    model = network()

    def loop(images: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        model.fit(images, labels, batch_size=batch_size, shuffle=False, verbose=0)

    return loop


def plain_tensorflow(precision: str, batch_size: int) -> Loop:
    """TensorFlow without Keras: variables, `tf.nn` and one compiled function for a step."""
    import tensorflow as tf

    dtype = tf.bfloat16 if precision == "bfloat16" else tf.float32
    layers = [tuple(tf.Variable(array) for array in arrays) for arrays in _weights()]
    kernels, dense = layers[:_CONVOLVED], layers[_CONVOLVED:]
    variables = [variable for pair in layers for variable in pair]
    moments = [(tf.Variable(tf.zeros_like(one)), tf.Variable(tf.zeros_like(one))) for one in variables]
    steps = tf.Variable(0.0)

    def logits(images: Any) -> Any:
        values, remaining = tf.cast(images, dtype), iter(kernels)
        for position, filters in enumerate(_CONVOLUTIONS):
            if not filters:
                values = tf.nn.max_pool2d(values, 2, 2, "VALID")
                continue
            kernel, bias = next(remaining)
            padding = "VALID" if position == len(_CONVOLUTIONS) - 1 else "SAME"
            values = tf.nn.conv2d(values, tf.cast(kernel, dtype), 1, padding)
            values = tf.nn.relu(tf.nn.bias_add(values, tf.cast(bias, dtype)))
        values = tf.reshape(values, (-1, _FLAT))
        for (kernel, bias), rate in zip(dense[:-1], _DROPOUTS, strict=False):
            values = tf.nn.dropout(values, rate)
            values = tf.nn.relu(tf.matmul(values, tf.cast(kernel, dtype)) + tf.cast(bias, dtype))
        values = tf.nn.dropout(values, _DROPOUTS[-1])
        return tf.matmul(tf.cast(values, tf.float32), dense[-1][0]) + dense[-1][1]

    # Where deepchord and Keras have XLA, too.
    @tf.function(autograph=False, jit_compile=bool(tf.config.get_visible_devices("GPU")))
    def step(images: Any, labels: Any) -> None:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits(images))
            loss = tf.reduce_mean(losses)
        steps.assign_add(1.0)
        rate = 0.002 * tf.sqrt(1 - 0.999**steps) / (1 - 0.9**steps)
        gradients = tape.gradient(loss, variables)
        for one, gradient, (mean, square) in zip(variables, gradients, moments, strict=True):
            mean.assign(0.9 * mean + 0.1 * gradient)
            square.assign(0.999 * square + 0.001 * gradient**2)
            one.assign_sub(rate * mean / (tf.sqrt(square) + 1e-7))

    loop = _batches(step, batch_size)

    def whole_loop(images: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        loop(images, labels)
        steps.numpy()  # waits for a GPU

    return whole_loop


def plain_torch(precision: str, batch_size: int) -> Loop:
    """PyTorch, channels last, autocast for bfloat16."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    device = _torch_device()
    body: list[Any] = []
    channels = 1
    for position, filters in enumerate(_CONVOLUTIONS):
        if not filters:
            body.append(nn.MaxPool2d(2))
            continue
        padding = 0 if position == len(_CONVOLUTIONS) - 1 else 1
        body += [nn.Conv2d(channels, filters, 3, padding=padding), nn.ReLU()]
        channels = filters
    body += [nn.Flatten(), nn.Dropout(_DROPOUTS[0])]
    inputs = _FLAT
    for units, rate in zip(_UNITS, _DROPOUTS[1:], strict=True):
        body += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(rate)]
        inputs = units
    model = nn.Sequential(*body, nn.Linear(inputs, 10)).to(device, memory_format=torch.channels_last)
    optimizer, loss_of = torch.optim.NAdam(model.parameters(), 0.002), nn.CrossEntropyLoss()

    def step(images: Any, labels: Any) -> None:
        # One channel: last and first are the same numbers in the same order.
        pixels = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)
        optimizer.zero_grad()
        with torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=precision == "bfloat16"):
            loss = loss_of(model(pixels), torch.from_numpy(labels).to(device))
        loss.backward()
        optimizer.step()

    loop = _batches(step, batch_size)

    def whole_loop(images: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        loop(images, labels)
        _wait_for_torch(device)

    return whole_loop


def plain_jax(precision: str, batch_size: int) -> Loop:
    """JAX: `lax` convolutions, and one compiled function for a step, as its guide has it."""
    import jax
    from jax import lax, nn
    from jax import numpy as jnp

    dtype = jnp.bfloat16 if precision == "bfloat16" else jnp.float32
    weights = [tuple(map(jnp.asarray, pair)) for pair in _weights()]
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = (weights, zeros, zeros, jnp.float32(0), jax.random.key(0))

    def logits(weights: Any, images: Any, keys: Any) -> Any:
        values, remaining = images.astype(dtype), iter(weights)
        for position, filters in enumerate(_CONVOLUTIONS):
            if not filters:
                values = lax.reduce_window(values, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
                continue
            kernel, bias = next(remaining)
            padding = "VALID" if position == len(_CONVOLUTIONS) - 1 else "SAME"
            values = lax.conv_general_dilated(
                values, kernel.astype(dtype), (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            values = nn.relu(values + bias.astype(dtype))
        values = values.reshape(-1, _FLAT)
        for (kernel, bias), rate, key in zip(remaining, _DROPOUTS, keys, strict=True):
            values = jnp.where(jax.random.bernoulli(key, 1 - rate, values.shape), values / (1 - rate), 0)
            values = values @ kernel.astype(dtype) + bias.astype(dtype)
            values = values if kernel is weights[-1][0] else nn.relu(values)
        return values.astype(jnp.float32)

    def loss_of(weights: Any, images: Any, labels: Any, keys: Any) -> Any:
        chosen = jnp.take_along_axis(nn.log_softmax(logits(weights, images, keys)), labels[:, None], axis=1)
        return -chosen.mean()

    def step(state: Any, images: Any, labels: Any) -> Any:
        weights, means, squares, steps, key = state
        key, *keys = jax.random.split(key, 1 + len(_DROPOUTS))
        gradients = jax.grad(loss_of)(weights, images, labels, keys)
        steps = steps + 1
        rate = 0.002 * jnp.sqrt(1 - 0.999**steps) / (1 - 0.9**steps)
        means = jax.tree.map(lambda mean, gradient: 0.9 * mean + 0.1 * gradient, means, gradients)
        squares = jax.tree.map(lambda square, gradient: 0.999 * square + 0.001 * gradient**2, squares, gradients)
        weights = jax.tree.map(
            lambda one, mean, square: one - rate * mean / (jnp.sqrt(square) + 1e-7), weights, means, squares
        )
        return weights, means, squares, steps, key

    compiled = jax.jit(step)

    def loop(images: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        nonlocal state
        for start in range(0, len(images), batch_size):
            state = compiled(state, images[start : start + batch_size], labels[start : start + batch_size])
        jax.block_until_ready(state)

    return loop


def tensorflow_product(kind: str, size: int) -> Callable[[], None]:
    """Return what multiplies two square matrices, and waits until it is done."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.normal((size, size)), kind)

    def multiply() -> None:
        # The sum, for a GPU would take longer to hand over the product than to compute it.
        tf.reduce_sum(tf.matmul(matrix, matrix)).numpy()

    return multiply


def torch_product(kind: str, size: int) -> Callable[[], None]:
    """Return what multiplies two square matrices, and waits until it is done."""
    import torch

    device = _torch_device()
    matrix = torch.randn((size, size), device=device).to(getattr(torch, kind))

    def multiply() -> None:
        torch.matmul(matrix, matrix)
        _wait_for_torch(device)

    return multiply


def _torch_device() -> str:
    # Set by the engine that was opened; PyTorch itself has no device that is taken by default.
    return os.environ["KERAS_TORCH_DEVICE"]


def _wait_for_torch(device: str) -> None:
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()


def jax_product(kind: str, size: int) -> Callable[[], None]:
    """Return what multiplies two square matrices, and waits until it is done."""
    import jax

    matrix = jax.random.normal(jax.random.key(0), (size, size)).astype(kind)
    product = jax.jit(lambda one, other: one @ other)

    def multiply() -> None:
        product(matrix, matrix).block_until_ready()

    return multiply


def _weights() -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return kernel and bias of each layer, convolutions first."""
    generator = np.random.default_rng(0)
    channels = [1, *(filters for filters in _CONVOLUTIONS if filters)]
    shapes: list[tuple[int, ...]] = [(3, 3, *pair) for pair in itertools.pairwise(channels)]
    shapes += list(itertools.pairwise([_FLAT, *_UNITS, 10]))
    return [
        (
            (generator.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))).astype(np.float32),
            np.zeros(shape[-1], np.float32),
        )
        for shape in shapes
    ]


def _batches(step: Callable[[Any, Any], None], batch_size: int) -> Loop:
    def loop(images: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        for start in range(0, len(images), batch_size):
            step(images[start : start + batch_size], labels[start : start + batch_size])

    return loop
