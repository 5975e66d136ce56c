"""An engine without a framework: one layer in NumPy, which trains at once, and the same everywhere."""

from collections.abc import Callable, Iterable

import numpy as np

from deepchord.shared.checkpoints import Weights
from deepchord.shared.messages import Recipe
from deepchord.shared.multilabel import probabilities_of
from deepchord.shared.network import ResolvedArchitecture
from deepchord.shared.regression import gaussian_losses, means_and_variances
from deepchord.worker.engines import Batch, Device, Images, Outputs
from deepchord.worker.engines.engine import check_optimizer_state


class NumpyNetwork:
    """A network of one dense layer, trained by gradient descent whose rate falls with the steps."""

    def __init__(self, architecture: ResolvedArchitecture, recipe: Recipe | None) -> None:
        self._targets, self._task = architecture.outputs.targets, architecture.outputs.task
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
            learn = {"regression": self._learn_numbers, "multilabel": self._learn_labels}.get(
                self._task, self._learn_classes
            )
            gradient, of_each, scores = learn(given, wanted)
            gradient = counted[:, None] * gradient / len(given)
            rows, ((kernel, bias),) = pixels.reshape(len(pixels), -1), self._weights
            rate = np.float32(learning_rate / (1 + 0.01 * self._steps[0]))
            self._steps += 1
            self._weights = ((kernel - rate * rows.T @ gradient, bias - rate * gradient.sum(axis=0)),)
            losses.extend(counted * of_each)
            hits.extend(scores)
            on_batch(number)
        return float(np.mean(losses)), float(np.mean(hits))

    def _learn_classes(self, given: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        targets = wanted if wanted.ndim == 2 else np.eye(given.shape[1], dtype=np.float32)[wanted]
        hits = given.argmax(axis=1) == targets.argmax(axis=1)
        return given - targets, -(targets * np.log(given)).sum(axis=1), hits

    def _learn_numbers(self, given: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        means, variances = means_and_variances(given)
        slope = 1 / (1 + np.exp(-given[:, self._targets :]))  # of the variance
        # Numbers that are taught have a variance, which is expected of their errors.
        spread = wanted[:, self._targets :] if wanted.shape[1] > self._targets else 0.0
        errors = means - wanted[:, : self._targets]
        of_variance = 0.5 * (1 / variances - (errors**2 + spread) / variances**2) * slope
        gradient = np.concatenate([errors / variances, of_variance], axis=1).astype(np.float32) / self._targets
        losses = gaussian_losses(means, variances, wanted[:, : self._targets]) + 0.5 * spread / variances
        return gradient, losses.mean(axis=1), (errors**2).mean(axis=1)

    def _learn_labels(self, given: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        of_actual = np.clip(np.where(wanted == 1, given, 1 - given), 1e-7, 1)
        gradient = (given - wanted) / np.float32(given.shape[1])
        return gradient, -np.log(of_actual).mean(axis=1), ((given > 0.5) != wanted).mean(axis=1)

    def outputs(self, images: Images) -> Outputs:
        ((kernel, bias),) = self._weights
        scores = images.reshape(len(images), -1) @ kernel + bias
        if self._task == "regression":
            return scores.astype(np.float32)
        if self._task == "multilabel":
            return probabilities_of(scores.astype(np.float32))
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


class NumpyEngine:
    name = "numpy"
    version = f"numpy {np.__version__}"

    device = Device(id="cpu:0", kind="cpu", name="NumPy")

    def devices(self) -> tuple[Device, ...]:
        return (self.device,)

    def build(self, architecture: ResolvedArchitecture, recipe: Recipe | None = None) -> NumpyNetwork:
        assert len(architecture.layers) <= 2, "this engine knows flatten and one dense layer only"
        return NumpyNetwork(architecture, recipe)

    def precision(self, recipe: Recipe) -> str:
        return "float32"

    def parallel_predictions(self) -> int:
        return 2
