"""What Keras 2.2.4 and PlaidML 0.7.0 need to be imported on today's Python, without a trace in the user's home."""

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

#: Names that Keras 2.2.4 takes from `collections`, where Python had them until 3.9.
_MOVED = ("Callable", "Hashable", "Iterable", "Iterator", "Mapping", "MutableMapping", "Sequence")


def import_plaidml() -> Any:
    """Return the module `plaidml`, quiet; it has read `PLAIDML_*` and what `plaidml-setup` left in `~/.plaidml`."""
    with _old_python():
        plaidml = importlib.import_module("plaidml")
        importlib.import_module("plaidml.settings")
    plaidml.DEFAULT_LOG_HANDLER.setLevel(logging.WARNING)
    return plaidml


def import_keras() -> Any:
    """Return Keras 2.2.4 on PlaidML's backend, in float32 and channels last, whatever a keras.json says."""
    # Keras reads a keras.json in its home, and writes one if there is none; it greets on stderr.
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
    """Return batch normalization (Ioffe and Szegedy 2015, algorithm 1) made of operations with right gradients.

    PlaidML 0.7.0 computes a wrong gradient through its own variance: weights before the layer run away.
    """

    def normalize(
        x: Any, gamma: Any, beta: Any, reduction_axes: list[int], epsilon: float = 1e-3
    ) -> tuple[Any, Any, Any]:
        mean = backend.mean(x, axis=reduction_axes)
        centred = x - mean
        variance = backend.mean(centred * centred, axis=reduction_axes)
        # Keras 2 keeps it times size / (size - 1 - epsilon) for prediction, Keras 3 keeps it as it is.
        size = backend.cast(backend.prod([backend.shape(x)[axis] for axis in reduction_axes]), "float32")
        kept = variance * ((size - (1.0 + epsilon)) / size)
        return centred / backend.sqrt(variance + epsilon) * gamma + beta, mean, kept

    return normalize


@contextmanager
def _old_python() -> Iterator[None]:
    """Put names where Keras 2.2.4 looks for them, and leave out what Python warns of in sources that old."""
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
