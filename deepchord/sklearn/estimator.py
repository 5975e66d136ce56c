"""What the estimators of scikit-learn share: their parameters, and how they train and ask an ensemble."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from deepchord.ensemble import Ensemble, MultilabelPrediction, Prediction, RegressionPrediction
from deepchord.run import Run
from deepchord.shared.errors import DatasetError, InputError
from deepchord.shared.tables import is_frame
from deepchord.training import RecipeOptions, train

_PLACES = ("broker", "storage", "engine", "device", "workers", "threads")
#: Workers that are started here stay so long for the next fit: a search or a cross-validation has many.
_KEEP_WORKERS_S = 30.0


class DeepEnsembleEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A deep ensemble with the conventions of scikit-learn, of classes or of numbers: abstract.

    scikit-learn reads the parameters of an estimator from the signature of its `__init__`, so that both have this one.
    """

    preset: str | None
    architecture: str | None
    test_fraction: float
    random_state: int | np.random.RandomState | None
    show: bool
    ensemble_: Ensemble
    run_id_: str

    def __init__(
        self,
        *,
        preset: str | None = None,
        members: int | Literal["auto"] | None = None,
        at_most: int | None = None,
        least_fall: float | None = None,
        min_members: int | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        optimizer: str | None = None,
        momentum: float | None = None,
        nesterov: bool | None = None,
        global_clipnorm: float | None = None,
        learning_rate: float | None = None,
        schedule: str | None = None,
        warmup_epochs: float | None = None,
        decay_factor: float | None = None,
        decay_epochs: int | None = None,
        plateau_patience: int | None = None,
        min_learning_rate: float | None = None,
        weight_decay: float | None = None,
        class_weights: Literal["balanced"] | Mapping[Any, float] | None = None,
        precision: str | None = None,
        label_smoothing: float | None = None,
        dropout_scale: float | None = None,
        patience: int | None = None,
        validation_fraction: float | None = None,
        calibration_fraction: float | None = None,
        splits: str | None = None,
        stratify: bool | None = None,
        flip: bool | None = None,
        shift: int | None = None,
        cutout: int | None = None,
        rotation: float | None = None,
        zoom: float | None = None,
        brightness: float | None = None,
        contrast: float | None = None,
        noise: float | None = None,
        random_erasing: Sequence[float] | None = None,
        rand_augment: int | None = None,
        rand_augment_magnitude: float | None = None,
        mixup: float | None = None,
        cutmix: float | None = None,
        feature_noise: float | None = None,
        beta_nll: float | None = None,
        channels_first: bool | None = None,
        architecture: str | None = None,
        layers: Sequence[Mapping[str, Any]] | None = None,
        initial_weights: str | None = None,
        new_head: bool | None = None,
        initial_noise: float | None = None,
        require: str | None = None,
        priority: str | None = None,
        most_workers: int | None = None,
        name: str | None = None,
        tags: Mapping[str, str] | None = None,
        test_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
        broker: str | None = None,
        storage: str | None = None,
        engine: str | None = None,
        device: str | None = None,
        workers: int | None = None,
        threads: int | None = None,
        show: bool = False,
    ) -> None:
        # scikit-learn wants each parameter under its own name, as it was given.
        self.__dict__.update({name: value for name, value in locals().items() if name != "self"})

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _train(self, x: Any, y: Any, **options: Any) -> Run:
        """Train an ensemble of checked inputs, and wait for its end; set what tells of it.

        Raises:
            ValueError: The inputs or options cannot be used.
            DeepchordError: The run failed, or a broker, an engine or the storage cannot be used.
        """
        try:
            run = train(x, y, test=self.test_fraction, keep_workers=_KEEP_WORKERS_S, **options, **self._arguments())
        except (InputError, DatasetError) as error:
            raise ValueError(str(error)) from error
        try:
            (run.watch if self.show else run.wait)()
        except BaseException:
            with contextlib.suppress(InputError):  # it has ended
                run.cancel()
            raise
        self.run_id_, self.ensemble_ = run.run_id, run.ensemble
        return run

    def _asked(self, x: ArrayLike, **question: Any) -> Prediction | RegressionPrediction | MultilabelPrediction:
        """Return what the fitted ensemble says of inputs.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: The inputs are not as those of `fit`, or an option is not valid.
        """
        check_is_fitted(self, "ensemble_")
        values = (
            validate_data(self, x, skip_check_array=True, reset=False)
            if is_frame(x)
            else validate_data(self, x, allow_nd=True, ensure_all_finite="allow-nan", reset=False)
        )
        if self.ensemble_.description.dataset.table is None and not is_frame(values) and values.ndim == 2:
            # An earlier version trained on features as images of one line.
            values = values.astype(np.float32)[:, None, :, None]
        try:
            return self.ensemble_.predict(values, **question)
        except (InputError, DatasetError) as error:
            raise ValueError(str(error)) from error

    def _arguments(self) -> dict[str, Any]:
        """Return what `train` is given beside the images and what is predicted."""
        wanted, own = {*RecipeOptions.__annotations__, *_PLACES}, self.get_params(deep=False)
        arguments = {name: value for name, value in own.items() if name in wanted and value is not None}
        if self.random_state is not None:
            arguments["seed"] = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        return arguments
