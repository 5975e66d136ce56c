"""A worker whose members do nothing: all of deepchord but the training, for benchmarks of the way there and back."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import Weights
from deepchord.shared.messages import Precision, Recipe
from deepchord.shared.network import ResolvedArchitecture
from deepchord.shared.queue import create_app
from deepchord.shared.settings import load_settings
from deepchord.worker.engines import Batch, Device, Images, Outputs
from deepchord.worker.resources import Resources
from deepchord.worker.tasks import register_tasks
from deepchord.worker.training import initial_weights


class IdleNetwork:
    """Keeps the weights that it is given; every class is as probable as every other."""

    def __init__(self, architecture: ResolvedArchitecture) -> None:
        self._weights = initial_weights(architecture, 0)
        self._classes = architecture.layers[-1].output_shape[0]

    def weights(self) -> Weights:
        """Return the weights."""
        return self._weights

    def set_weights(self, weights: Weights) -> None:
        """Keep the weights."""
        self._weights = weights

    def optimizer_state(self) -> tuple[()]:
        """Return nothing."""
        return ()

    def set_optimizer_state(self, state: tuple[NDArray[Any], ...]) -> None:
        """Ignore it."""

    def train_epoch(
        self, batches: Iterable[Batch], *, dropout_seed: int, on_batch: Callable[[int], None]
    ) -> tuple[float, float]:
        """Do nothing."""
        del batches, dropout_seed
        on_batch(0)
        return float(np.log(self._classes)), 1 / self._classes

    def outputs(self, images: Images) -> Outputs:
        """Return equal probabilities."""
        return np.full((len(images), self._classes), 1 / self._classes, dtype=np.float32)


class IdleEngine:
    """An engine that does nothing."""

    name = "idle"
    version = "0"
    device = Device(id="none", kind="cpu", name="none")

    def devices(self) -> tuple[Device, ...]:
        """Return a device that is none."""
        return (self.device,)

    def build(self, architecture: ResolvedArchitecture, recipe: Recipe | None = None) -> IdleNetwork:
        """Return a network that does nothing."""
        del recipe
        return IdleNetwork(architecture)

    def precision(self, recipe: Recipe) -> Precision:
        """Return float32."""
        del recipe
        return "float32"

    def parallel_predictions(self) -> int:
        """Return 1."""
        return 1


class IdleResources(Resources):
    """What a worker holds, with the idle engine."""

    @property
    def engine(self) -> IdleEngine:
        """The idle engine."""
        return IdleEngine()


settings = load_settings()
app = create_app(settings, takes_tasks=True)
app.conf.imports = ("benchmarks.idle_worker",)
register_tasks(app, IdleResources(settings))


def run(*arguments: str) -> None:
    """Run the worker with Celery's arguments."""
    app.worker_main(list(arguments))
