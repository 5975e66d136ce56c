"""Imports Keras 2.2.4 and PlaidML 0.7.0 on today's Python, without writing to the user's home folder."""

import collections
import collections.abc
import importlib
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

#: Names that Keras 2.2.4 imports from `collections`; Python had them there until 3.9.
_MOVED = ("Callable", "Hashable", "Iterable", "Iterator", "Mapping", "MutableMapping", "Sequence")


def import_plaidml() -> Any:
    """Return the module `plaidml`, which logs warnings only; it reads `PLAIDML_*` and the file of `plaidml-setup`."""
    with _old_python():
        plaidml = importlib.import_module("plaidml")
        importlib.import_module("plaidml.settings")
    plaidml.DEFAULT_LOG_HANDLER.setLevel(logging.WARNING)
    return plaidml


def import_keras() -> Any:
    """Return Keras 2.2.4 on PlaidML's backend, with float32 and channels last, whatever the user's keras.json says."""
    # Keras reads keras.json in its home folder, or writes it; and it writes a greeting to stderr.
    with (
        tempfile.TemporaryDirectory() as home,
        _variables(KERAS_HOME=home, KERAS_BACKEND="plaidml.keras.backend"),
        _old_python(),
        redirect_stderr(io.StringIO()),
    ):
        keras = importlib.import_module("keras")
    keras.backend.normalize_batch_in_training = _normalized(keras.backend)
    return keras


def _normalized(backend: Any) -> Callable[..., tuple[Any, Any, Any]]:
    """Return batch normalization (Ioffe and Szegedy 2015, algorithm 1) with correct gradients.

    The gradient of PlaidML 0.7.0's own variance is wrong: the weights before the layer diverge.
    """

    def normalize(
        x: Any, gamma: Any, beta: Any, reduction_axes: list[int], epsilon: float = 1e-3
    ) -> tuple[Any, Any, Any]:
        mean = backend.mean(x, axis=reduction_axes)
        centred = x - mean
        variance = backend.mean(centred * centred, axis=reduction_axes)
        # Keras 2 multiplies the variance by size / (size - 1 - epsilon) for predictions. This undoes it, as in Keras 3.
        size = backend.cast(backend.prod([backend.shape(x)[axis] for axis in reduction_axes]), "float32")
        kept = variance * ((size - (1.0 + epsilon)) / size)
        return centred / backend.sqrt(variance + epsilon) * gamma + beta, mean, kept

    return normalize


@contextmanager
def _old_python() -> Iterator[None]:
    """Add the names to `collections` that Keras 2.2.4 imports, and ignore warnings about its old source."""
    added = [name for name in _MOVED if not hasattr(collections, name)]
    for name in added:
        setattr(collections, name, getattr(collections.abc, name))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in added:
            delattr(collections, name)


@contextmanager
def _variables(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
