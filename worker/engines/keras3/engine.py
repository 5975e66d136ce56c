"""Keras 3 on TensorFlow, PyTorch or JAX."""

import importlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepchord.shared.errors import EngineError
from deepchord.shared.host import free_memory_bytes
from deepchord.shared.messages import Precision, Recipe
from deepchord.shared.network import ResolvedArchitecture
from deepchord.worker.engines.allocator import keep_freed_memory
from deepchord.worker.engines.engine import Device, find_device
from deepchord.worker.engines.keras3.backend import Backend
from deepchord.worker.engines.keras3.network import DeviceOptions, Keras3Network

#: The module and class of each backend; importing it imports the framework.
_BACKENDS = {
    "tensorflow": ("deepchord.worker.engines.keras3.tensorflow_backend", "TensorFlowBackend"),
    "torch": ("deepchord.worker.engines.keras3.torch_backend", "TorchBackend"),
    "jax": ("deepchord.worker.engines.keras3.jax_backend", "JaxBackend"),
}

_X86 = ("x86_64", "AMD64")

#: Memory for each thread that predicts: twice what was measured.
_PREDICTION_BYTES = 2**29


class Keras3Engine:
    """Keras 3 with one of its backends, which cannot change within a process."""

    def __init__(
        self, backend: str, threads: int | None = None, device: str | None = None, programs: Path | None = None
    ) -> None:
        loaded = sys.modules.get("keras")
        if loaded is not None and loaded.backend.backend() != backend:
            raise EngineError(
                f"This process already runs Keras on {loaded.backend.backend()}; start another one for {backend}."
            )
        os.environ["KERAS_BACKEND"] = backend
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        if platform.machine() in _X86:
            # By default TensorFlow does not use oneDNN without AVX-512, and is up to two times slower then.
            os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
        # Allocate as needed: otherwise the first worker on a GPU takes nearly all of its memory.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        if backend == "jax" and programs is not None and _is_private(programs):
            # JAX compiles each member anew, which takes ten seconds and more on one core.
            os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(programs))
        keep_freed_memory(backend)
        module, name = _BACKENDS[backend]
        with _without_greetings():
            self._backend: Backend = getattr(importlib.import_module(module), name)()
        if threads is not None:
            self._backend.limit_threads(threads)
        self._device = find_device(backend, self.devices(), device)
        self._backend.select(self._device)
        self._keras = importlib.import_module("keras")
        self._keras.config.set_floatx("float32")
        self._keras.config.set_image_data_format("channels_last")

    @property
    def name(self) -> str:
        """The backend: `tensorflow`, `torch` or `jax`."""
        return self._backend.name

    @property
    def version(self) -> str:
        """Versions of Keras and the backend."""
        return f"keras {self._keras.__version__}, {self.name} {self._backend.version}"

    @property
    def device(self) -> Device:
        """The device that this process trains on."""
        return self._device

    def devices(self) -> tuple[Device, ...]:
        """Return the backend's devices, GPUs first."""
        return tuple(sorted(self._backend.devices(), key=lambda device: device.kind != "gpu"))

    def build(self, architecture: ResolvedArchitecture, recipe: Recipe | None = None) -> Keras3Network:
        """Return a network, which can be trained if a recipe is given."""
        self._backend.forget_networks()
        options = DeviceOptions(
            precision=self.precision(recipe) if recipe else "float32",
            xla=self._backend.may_use_xla(self._device),
            steps_at_once=self._backend.steps_at_once(self._device),
        )
        return Keras3Network(self._keras, self._backend, architecture, recipe, options)

    def precision(self, recipe: Recipe) -> Precision:
        """Return the type in which this device multiplies when it trains with a recipe."""
        gains = recipe.precision == "bfloat16" and self._backend.gains_by_bfloat16(self._device)
        return "bfloat16" if gains else "float32"

    def parallel_predictions(self) -> int:
        """Return how many threads should predict at the same time; see `Engine`."""
        if self._device.kind != "cpu":
            return 1
        fitting = free_memory_bytes() // _PREDICTION_BYTES
        return max(1, min(self._backend.parallel_predictions(), fitting))


def _is_private(folder: Path) -> bool:
    """Make a folder; return whether only this user can write to it, because the programs in it are executed."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError:
        return False
    is_safe = os.name == "nt" or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)
    return is_safe and os.access(folder, os.W_OK)


@contextmanager
def _without_greetings() -> Iterator[None]:
    """Remove the lines that TensorFlow's C++ part writes to stderr on import, before its log can be configured."""
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
