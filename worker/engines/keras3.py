"""Keras 3 on TensorFlow, PyTorch or JAX; the only module that imports them."""

import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.architecture import ResolvedArchitecture
from shared.checkpoint import Weights
from shared.errors import EngineError
from shared.messages import Recipe
from worker.engines import Device, Images, Labels, Probabilities, check_optimizer_state
from worker.engines.batches import filled_batches
from worker.engines.keras_layers import keras_layers

#: Images are predicted in batches of at most this size: large enough to keep all cores busy, small enough for any
#: memory. PyTorch's convolutions are fastest in smaller ones.
_PREDICTION_BATCH = 1024
_PREDICTION_BATCHES = {"torch": 256}


class Keras3Engine:
    """Keras 3 with one of its backends; the backend is fixed for the life of the process."""

    def __init__(self, backend: str, threads: int | None = None, device: str | None = None) -> None:
        loaded = sys.modules.get("keras")
        if loaded is not None and loaded.backend.backend() != backend:
            raise EngineError(
                f"This process already runs Keras on {loaded.backend.backend()}; start another one for {backend}."
            )
        os.environ["KERAS_BACKEND"] = backend
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with _without_greeting():
            self._framework = importlib.import_module(backend)
        _limit_threads(self._framework, backend, threads)
        self._backend = backend
        self._device = self._found(device)
        if device is not None:
            _SELECT[backend](self._framework, self._device)
        self._keras = importlib.import_module("keras")
        self._keras.config.set_floatx("float32")
        self._keras.config.set_image_data_format("channels_last")

    @property
    def name(self) -> str:
        """The backend: `tensorflow`, `torch` or `jax`."""
        return self._backend

    @property
    def version(self) -> str:
        """Versions of Keras and the backend."""
        return f"keras {self._keras.__version__}, {self._backend} {self._framework.__version__}"

    @property
    def device(self) -> Device:
        """What this process trains on."""
        return self._device

    def devices(self) -> tuple[Device, ...]:
        """Return the backend's devices, GPUs first."""
        found = _DEVICES[self._backend](self._framework)
        return tuple(sorted(found, key=lambda device: device.kind != "gpu"))

    def build(self, architecture: ResolvedArchitecture, recipe: Recipe | None = None) -> "Keras3Network":
        """Return a network; with a recipe it can be trained."""
        return Keras3Network(self._keras, architecture, recipe, xla=self._may_use_xla())

    def _may_use_xla(self) -> bool:
        """XLA is what JAX is; on a TensorFlow CPU it was measured four times slower than without."""
        return self._backend == "jax" or (self._backend == "tensorflow" and self._device.kind == "gpu")

    def _found(self, wanted: str | None) -> Device:
        devices = self.devices()
        found = next((device for device in devices if wanted in (None, device.id)), None)
        if found is None:
            listed = ", ".join(device.id for device in devices)
            raise EngineError(f"{self._backend} has no device {wanted}; it has: {listed}. See `deepchord devices`.")
        return found


class Keras3Network:
    """A `keras.Sequential` whose random streams are set from outside, epoch by epoch."""

    def __init__(self, keras: Any, architecture: ResolvedArchitecture, recipe: Recipe | None, *, xla: bool) -> None:
        self._keras = keras
        self._model = keras.Sequential([keras.Input(architecture.input_shape), *keras_layers(keras, architecture)])
        self._model.compile(
            optimizer=_optimizer(keras, recipe) if recipe else "sgd",
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=xla,
        )
        if recipe:
            self._model.optimizer.build(self._model.trainable_variables)
        self._batch_size = recipe.batch_size if recipe else None
        self._prediction_batch = _PREDICTION_BATCHES.get(keras.config.backend(), _PREDICTION_BATCH)

    def weights(self) -> Weights:
        """Return a copy of the weights."""
        return tuple(
            tuple(np.array(array, dtype=np.float32) for array in layer.get_weights())
            for layer in self._weighted_layers()
        )

    def set_weights(self, weights: Weights) -> None:
        """Replace all weights; the optimizer's state stays."""
        for layer, arrays in zip(self._weighted_layers(), weights, strict=True):
            layer.set_weights(list(arrays))

    def optimizer_state(self) -> tuple[NDArray[Any], ...]:
        """Return a copy of the optimizer's variables."""
        convert = self._keras.ops.convert_to_numpy
        return tuple(np.array(convert(variable)) for variable in self._model.optimizer.variables)

    def set_optimizer_state(self, state: tuple[NDArray[Any], ...]) -> None:
        """Let the optimizer go on from a state; see `Network`."""
        variables = self._model.optimizer.variables
        check_optimizer_state(state, (tuple(variable.shape) for variable in variables))
        for variable, array in zip(variables, state, strict=True):
            variable.assign(array)

    def train_epoch(
        self, images: Images, labels: Labels, *, dropout_seed: int, on_batch: Callable[[int], None]
    ) -> tuple[float, float]:
        """Train once over the images in the given order; see `Network`."""
        self._seed_dropout(dropout_seed)
        fitted = self._model.fit(
            images,
            labels,
            batch_size=self._batch_size,
            shuffle=False,
            verbose=0,
            callbacks=[self._keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, **_: on_batch(batch))],
        )
        return float(fitted.history["loss"][0]), float(fitted.history["accuracy"][0])

    def probabilities(self, images: Images) -> Probabilities:
        """Return the class probabilities [size, classes] of images [size, height, width, channels]."""
        # Not `predict`, which builds an input pipeline for each call: on TensorFlow that takes 60 ms.
        size = min(self._prediction_batch, 1 << (len(images) - 1).bit_length())
        batches = filled_batches(images, size)
        predict = self._model.predict_on_batch
        return np.concatenate([np.asarray(predict(batch), dtype=np.float32)[:counted] for batch, counted in batches])

    def _weighted_layers(self) -> list[Any]:
        # A dropout layer's only variable is its random state, which is set by _seed_dropout.
        return [
            layer for layer in self._model.layers if not isinstance(layer, self._keras.layers.Dropout) and layer.weights
        ]

    def _seed_dropout(self, seed: int) -> None:
        dropouts = [layer for layer in self._model.layers if isinstance(layer, self._keras.layers.Dropout)]
        for position, layer in enumerate(dropouts):
            state = np.random.SeedSequence(seed, spawn_key=(position,)).generate_state(2, np.uint32)
            if layer.rate > 0:
                # 31 bits: a backend may keep the state in signed integers.
                layer.seed_generator.state.assign(state >> 1)


def _optimizer(keras: Any, recipe: Recipe) -> Any:
    """Return the optimizer with every hyperparameter said: the defaults of the Keras generations differ."""
    rate = recipe.learning_rate
    match recipe.optimizer:
        case "nadam":
            return keras.optimizers.Nadam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
        case "adam":
            return keras.optimizers.Adam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
        case "sgd":
            return keras.optimizers.SGD(rate, momentum=0.0)
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, rho=0.9, epsilon=1e-7)


@contextmanager
def _without_greeting() -> Iterator[None]:
    """Leave out what TensorFlow's C++ part writes to stderr on import, before any setting of its log can hold."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            written.seek(0)
            for line in written:
                if not any(greeting in line for greeting in _GREETINGS):
                    os.write(2, line)


_GREETINGS = (b"before absl::InitializeLog() is called", b"oneDNN custom operations are on")


def _limit_threads(framework: Any, backend: str, threads: int | None) -> None:
    if threads is None:
        return
    if backend == "tensorflow":
        framework.config.threading.set_intra_op_parallelism_threads(threads)
        framework.config.threading.set_inter_op_parallelism_threads(threads)
    elif backend == "torch":
        framework.set_num_threads(threads)
    else:
        # JAX has no call for it: its CPU client reads this when it is made, which is when it is first used.
        os.environ["PJRT_NPROC"] = str(threads)


def _tensorflow_devices(tensorflow: Any) -> list[Device]:
    return [
        Device(id=device.name.removeprefix("/physical_device:"), kind=kind, name=_tensorflow_name(tensorflow, device))
        for kind in ("gpu", "cpu")
        for device in tensorflow.config.list_physical_devices(kind.upper())
    ]


def _tensorflow_name(tensorflow: Any, device: Any) -> str:
    details = tensorflow.config.experimental.get_device_details(device)
    return str(details.get("device_name", device.device_type))


def _torch_devices(torch: Any) -> list[Device]:
    found = [Device(id="cpu", kind="cpu", name="CPU")]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        found.append(Device(id=f"cuda:{index}", kind="gpu", name=properties.name, memory_bytes=properties.total_memory))
    if torch.backends.mps.is_available():
        found.append(Device(id="mps", kind="gpu", name="Apple Metal"))
    return found


def _jax_devices(jax: Any) -> list[Device]:
    return [
        Device(
            id=f"{device.platform}:{device.id}",
            kind="cpu" if device.platform == "cpu" else "gpu",
            name=str(device.device_kind),
        )
        for device in jax.devices()
    ]


_DEVICES: dict[str, Callable[[Any], list[Device]]] = {
    "tensorflow": _tensorflow_devices,
    "torch": _torch_devices,
    "jax": _jax_devices,
}


def _select_tensorflow(tensorflow: Any, chosen: Device) -> None:
    gpus = tensorflow.config.list_physical_devices("GPU")
    tensorflow.config.set_visible_devices([gpu for gpu in gpus if gpu.name.endswith(chosen.id)], "GPU")


def _select_torch(_: Any, chosen: Device) -> None:
    # What Keras itself reads when it is imported.
    os.environ["KERAS_TORCH_DEVICE"] = chosen.id


def _select_jax(jax: Any, chosen: Device) -> None:
    (device,) = (device for device in jax.devices() if f"{device.platform}:{device.id}" == chosen.id)
    jax.config.update("jax_default_device", device)


_SELECT: dict[str, Callable[[Any, Device], None]] = {
    "tensorflow": _select_tensorflow,
    "torch": _select_torch,
    "jax": _select_jax,
}
