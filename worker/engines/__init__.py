"""What an engine must offer, and how one is found; the frameworks themselves are imported in their own modules."""

import importlib.metadata
import importlib.util
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.architecture import ResolvedArchitecture
from shared.checkpoint import Weights
from shared.errors import DeepchordError, EngineError
from shared.messages import Precision, Recipe
from shared.plaidml_hardware import PlaidMLHardware
from shared.settings import Settings
from shared.sharing import allotted_cores

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
Probabilities = NDArray[np.float32]

#: The engines of Keras 3, each the name of the package that it needs, too.
KERAS3_BACKENDS = ("tensorflow", "torch", "jax")
#: All engines, in the order in which `auto` tries them.
ENGINES = (*KERAS3_BACKENDS, "plaidml")


@dataclass(frozen=True, kw_only=True)
class Device:
    """Something that an engine can train on."""

    #: As the engine calls it: `CPU:0`, `GPU:1`, `cuda:0` …
    id: str
    kind: Literal["cpu", "gpu"]
    #: What the hardware calls itself.
    name: str
    #: None where the engine does not tell.
    memory_bytes: int | None = None
    #: Driver, settings and the like, for reports of trouble.
    details: Mapping[str, object] = field(default_factory=dict)


class Batch(NamedTuple):
    """What one training step takes."""

    #: [size, height, width, channels], float32.
    images: Images
    #: [size], class indices.
    labels: Labels
    learning_rate: float


class Network(Protocol):
    """One network on one engine: what training and evaluation ask of it."""

    def weights(self) -> Weights:
        """Return a copy of the weights."""
        ...

    def set_weights(self, weights: Weights) -> None:
        """Replace all weights; the optimizer's state stays."""
        ...

    def optimizer_state(self) -> tuple[NDArray[Any], ...]:
        """Return a copy of all that the optimizer carries from step to step, in an order of the engine's own."""
        ...

    def set_optimizer_state(self, state: tuple[NDArray[Any], ...]) -> None:
        """Let the optimizer go on from a state that a network with the same recipe had on the same engine.

        Raises:
            EngineError: The arrays are not those that this optimizer has.
        """
        ...

    def train_epoch(
        self, batches: Iterable[Batch], *, dropout_seed: int, on_batch: Callable[[int], None]
    ) -> tuple[float, float]:
        """Take one training step for each batch; end early if a loss is no number.

        Args:
            batches: All of one size, only the last may be smaller.
            dropout_seed: Decides the dropout masks of this epoch, in [0, 2**32).
            on_batch: Called after each batch with its number from 0; what it raises ends the training.

        Returns:
            Mean loss in nats (cross-entropy; with label smoothing against the smoothed labels) and mean accuracy over
            the images as they were trained.
        """
        ...

    def probabilities(self, images: Images) -> Probabilities:
        """Return the class probabilities [size, classes] of images [size, height, width, channels]."""
        ...


class Engine(Protocol):
    """A framework on this host."""

    @property
    def name(self) -> str:
        """`tensorflow`, `torch`, `jax` or `plaidml`."""
        ...

    @property
    def version(self) -> str:
        """The versions that decide its numbers."""
        ...

    @property
    def device(self) -> Device:
        """What this process trains on."""
        ...

    def devices(self) -> tuple[Device, ...]:
        """Return what it can train on, best first."""
        ...

    def build(self, architecture: ResolvedArchitecture, recipe: Recipe | None = None) -> Network:
        """Return a network whose weights are to be set before it is used; with a recipe it can be trained."""
        ...

    def precision(self, recipe: Recipe) -> Precision:
        """Return in what this device multiplies when it trains with a recipe."""
        ...

    def parallel_predictions(self) -> int:
        """Return how many threads may ask a network for probabilities at once and gain by it.

        More than one where training has fewer threads than there are cores: on PyTorch, and on TensorFlow with one.
        """
        ...


def check_optimizer_state(state: tuple[NDArray[Any], ...], wanted: Iterable[tuple[int, ...]]) -> None:
    """Raise `EngineError` unless the arrays have these shapes."""
    found, expected = [array.shape for array in state], list(wanted)
    if found != expected:
        raise EngineError(f"The optimizer's state does not fit: expected arrays of {expected}, found {found}.")


def installed_engines() -> tuple[str, ...]:
    """Return the names of the engines that can be opened here, best first; imports none of them."""
    return tuple(name for name in ENGINES if why_not_installed(name) is None)


def why_not_installed(name: str) -> str | None:
    """Return why an engine cannot be opened in this environment and what to do; None if nothing speaks against it."""
    generation = _keras_generation()
    if name == "plaidml":
        if importlib.util.find_spec("plaidml") is None:
            return _NO_PLAIDML_ON_ARM if platform.machine().lower() in _ARM else _hint(name)
        if generation != 2:
            found = f"has Keras {importlib.metadata.version('keras')}" if generation else "has no Keras"
            return (
                f"PlaidML needs Keras 2.2.4, and this environment {found}: give it an environment of its own with "
                "`make plaidml`, or with python3 -m venv and pip install 'deepchord[plaidml]' there"
            )
        return None
    if importlib.util.find_spec(name) is None or generation is None:
        return _hint(name)
    if generation < 3:
        return (
            f"{name} needs Keras 3, and this environment has Keras 2 for PlaidML: install it in an environment of "
            f"its own, with pip install 'deepchord[{name}]' there"
        )
    return None


_ARM = ("arm64", "aarch64")
_NO_PLAIDML_ON_ARM = (
    "not installed: PlaidML has no build for Arm processors; on a Mac with Apple silicon, "
    "pip install 'deepchord[torch]' trains on its GPU through Metal"
)


def _hint(name: str) -> str:
    return f"not installed: pip install 'deepchord[{name}]'"


def _keras_generation() -> int | None:
    """Return 2 or 3, or None without Keras."""
    try:
        return int(importlib.metadata.version("keras").partition(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return None


def choose_engine(name: str) -> str:
    """Return the engine to open: the one that is named, or for `auto` the first that is installed.

    Raises:
        EngineError: It is not installed here.
    """
    installed = installed_engines()
    if name == "auto":
        if not installed:
            raise EngineError(
                "No engine is installed in this environment. Install one: pip install 'deepchord[tensorflow]'."
            )
        return installed[0]
    reason = why_not_installed(name)
    if reason is not None:
        found = ", ".join(installed) or "none"
        raise EngineError(f"The engine {name} cannot be used here (installed: {found}); {reason}.")
    return name


def open_engine(
    name: str,
    threads: int | None = None,
    device: str | None = None,
    plaidml_hardware: Mapping[str, PlaidMLHardware] | None = None,
    programs: Path | None = None,
) -> Engine:
    """Return an engine, its framework imported and ready. A process can open one only.

    Args:
        name: An engine, or `auto` for the first that is installed.
        threads: Processor threads that it may use; None: as many as there are cores, or a container's
            share of them. PlaidML always takes all.
        device: One of its devices, by id; None: the best.
        plaidml_hardware: Settings for PlaidML's devices, by a regular expression for their ids.
        programs: A folder where JAX keeps what it has compiled, for the next member and for other processes; None:
            nowhere, unless `JAX_COMPILATION_CACHE_DIR` names one.

    Raises:
        EngineError: It is not installed, has no such device, or another engine is open in this process.
    """
    chosen = choose_engine(name)
    try:
        if chosen == "plaidml":
            from worker.engines.plaidml import PlaidMLEngine

            return PlaidMLEngine(device, plaidml_hardware)
        from worker.engines.keras3 import Keras3Engine

        return Keras3Engine(chosen, threads or allotted_cores(), device, programs)
    except DeepchordError:
        raise
    except Exception as error:  # whatever a broken installation raises
        raise EngineError(
            f"The engine {chosen} is installed but does not open ({type(error).__name__}: {error}); "
            f"install it anew: pip install --force-reinstall 'deepchord[{chosen}]'."
        ) from error


def open_engine_of(settings: Settings) -> Engine:
    """Return the engine of the settings; see `open_engine`."""
    programs = settings.cache / "programs"
    return open_engine(settings.engine, settings.threads, settings.device, settings.plaidml_hardware, programs)
