"""What an engine must offer, and how one is found; the frameworks themselves are imported in their own modules."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.architecture import ResolvedArchitecture
from shared.checkpoint import Weights
from shared.errors import DeepchordError, EngineError
from shared.messages import Recipe

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
Probabilities = NDArray[np.float32]

#: The engines of Keras 3 and the package that each needs, in the order in which `auto` tries them.
KERAS3_BACKENDS = {"tensorflow": "tensorflow", "torch": "torch", "jax": "jax"}


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


class Network(Protocol):
    """One network on one engine: what training and evaluation ask of it."""

    def weights(self) -> Weights:
        """Return a copy of the weights."""
        ...

    def set_weights(self, weights: Weights) -> None:
        """Replace all weights; the optimizer's state stays."""
        ...

    def train_epoch(
        self, images: Images, labels: Labels, *, dropout_seed: int, on_batch: Callable[[int], None]
    ) -> tuple[float, float]:
        """Train once over the images in the given order.

        Args:
            images: [size, height, width, channels], float32.
            labels: [size], class indices.
            dropout_seed: Decides the dropout masks of this epoch, in [0, 2**32).
            on_batch: Called after each batch with its number from 0; what it raises ends the training.

        Returns:
            Mean cross-entropy in nats and mean accuracy over the batches as they were trained.
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

    def devices(self) -> tuple[Device, ...]:
        """Return what it can train on, best first."""
        ...

    def build(self, architecture: ResolvedArchitecture, recipe: Recipe | None = None) -> Network:
        """Return a network whose weights are to be set before it is used; with a recipe it can be trained."""
        ...


def installed_engines() -> tuple[str, ...]:
    """Return the names of the engines whose packages are installed, best first; imports none of them."""
    if importlib.util.find_spec("keras") is None:
        return ()
    return tuple(name for name, package in KERAS3_BACKENDS.items() if importlib.util.find_spec(package))


def open_engine(name: str, threads: int | None = None) -> Engine:
    """Return an engine, its framework imported and ready. A process can open one only.

    Args:
        name: An engine, or `auto` for the first that is installed.
        threads: Processor threads that it may use; None: as many as there are cores.

    Raises:
        EngineError: It is not installed, or another engine is open in this process.
    """
    installed = installed_engines()
    chosen = next(iter(installed), None) if name == "auto" else name
    if chosen not in installed:
        wanted = "No engine" if name == "auto" else f"The engine {name}"
        found = ", ".join(installed) or "none"
        raise EngineError(
            f"{wanted} is installed in this environment (found: {found}). Install one: "
            f"pip install 'deepchord[{'tensorflow' if name == 'auto' else name}]'."
        )
    from worker.engines.keras3 import Keras3Engine

    try:
        return Keras3Engine(chosen, threads)
    except DeepchordError:
        raise
    except Exception as error:  # whatever a broken installation raises
        raise EngineError(
            f"The engine {chosen} is installed but does not open ({type(error).__name__}: {error}); "
            f"install it anew: pip install --force-reinstall 'deepchord[{chosen}]'."
        ) from error
