"""An engine without a framework: one dense layer in NumPy, for classes or numbers, which trains at once."""

from collections.abc import Callable, Iterable

import numpy as np

from deepchord.shared.checkpoints import Weights
from deepchord.shared.messages import Recipe
from deepchord.shared.network import ResolvedArchitecture
from deepchord.shared.regression import gaussian_losses, means_and_variances
from deepchord.worker.engines import Batch, Device, Images, Outputs
from deepchord.worker.engines.engine import check_optimizer_state


class NumpyNetwork:
    """A network of one dense layer, trained by gradient descent whose rate falls with the steps."""

    def __init__(self, recipe: Recipe | None) -> None:
        self._recipe = recipe
        self._weights: Weights = ()
        self._steps = np.zeros(1, dtype=np.int64)

    def optimizer_state(self) -> tuple[np.ndarray, ...]:
        return (self._steps.copy(),)

    def set_optimizer_state(self, state: tuple[np.ndarray, ...]) -> None:
        check_optimizer_state(state, [(1,)])
        self._steps = state[0].copy()

    def weights(self) -> Weights:
        return tuple(tuple(array.copy() for array in arrays) for arrays in self._weights)

    def set_weights(self, weights: Weights) -> None:
        self._weights = tuple(tuple(array.copy() for array in arrays) for arrays in weights)

    def train_epoch(
        self, batches: Iterable[Batch], *, dropout_seed: int, on_batch: Callable[[int], None]
    ) -> tuple[float, float]:
        assert self._recipe is not None, "built without a recipe"
        losses, hits = [], []
        for number, (pixels, wanted, learning_rate, weights) in enumerate(batches):
            counted = np.ones(len(pixels), np.float32) if weights is None else weights
            given = self.outputs(pixels)
            targets = wanted if wanted.ndim == 2 else np.eye(given.shape[1], dtype=np.float32)[wanted]
            gradient = counted[:, None] * (given - targets) / len(targets)
            rows, ((kernel, bias),) = pixels.reshape(len(pixels), -1), self._weights
            rate = np.float32(learning_rate / (1 + 0.01 * self._steps[0]))
            self._steps += 1
            self._weights = ((kernel - rate * rows.T @ gradient, bias - rate * gradient.sum(axis=0)),)
            losses.extend(-counted * (targets * np.log(given)).sum(axis=1))
            hits.extend(given.argmax(axis=1) == targets.argmax(axis=1))
            on_batch(number)
        return float(np.mean(losses)), float(np.mean(hits))

    def outputs(self, images: Images) -> Outputs:
        ((kernel, bias),) = self._weights
        scores = images.reshape(len(images), -1) @ kernel + bias
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


class NumpyNumbers(NumpyNetwork):
    """A dense layer for one number or several, trained by the gradient of the Gaussian negative log-likelihood."""

    def train_epoch(
        self, batches: Iterable[Batch], *, dropout_seed: int, on_batch: Callable[[int], None]
    ) -> tuple[float, float]:
        losses, squares = [], []
        for number, (pixels, wanted, learning_rate, _) in enumerate(batches):
            given = self.outputs(pixels)
            means, variances = means_and_variances(given)
            errors = means - wanted
            slope = 1 / (1 + np.exp(-given[:, means.shape[1] :]))
            of_raw = 0.5 * (1 / variances - errors**2 / variances**2) * slope
            gradient = np.clip(np.concatenate([errors / variances, of_raw], axis=1), -5, 5) / len(pixels)
            rows, ((kernel, bias),) = pixels.reshape(len(pixels), -1), self._weights
            self._weights = (
                (
                    (kernel - learning_rate * rows.T @ gradient).astype(np.float32),
                    (bias - learning_rate * gradient.sum(axis=0)).astype(np.float32),
                ),
            )
            self._steps += 1
            losses.extend(gaussian_losses(means, variances, wanted).mean(axis=1))
            squares.extend((errors**2).mean(axis=1))
            on_batch(number)
        return float(np.mean(losses)), float(np.mean(squares))

    def outputs(self, images: Images) -> Outputs:
        ((kernel, bias),) = self._weights
        return (images.reshape(len(images), -1) @ kernel + bias).astype(np.float32)


class NumpyEngine:
    name = "numpy"
    version = f"numpy {np.__version__}"

    device = Device(id="cpu:0", kind="cpu", name="NumPy")

    def devices(self) -> tuple[Device, ...]:
        return (self.device,)

    def build(self, architecture: ResolvedArchitecture, recipe: Recipe | None = None) -> NumpyNetwork:
        assert len(architecture.layers) == 2, "this engine knows flatten and one dense layer only"
        is_linear = getattr(architecture.layers[-1].layer, "activation", None) == "linear"
        return NumpyNumbers(recipe) if is_linear else NumpyNetwork(recipe)

    def precision(self, recipe: Recipe) -> str:
        return "float32"

    def parallel_predictions(self) -> int:
        return 2
