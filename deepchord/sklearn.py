"""A deep ensemble as an estimator of scikit-learn."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from deepchord.ensemble import Ensemble, Prediction
from deepchord.shared.errors import DatasetError, InputError
from deepchord.shared.messages import EnsembleEvaluation
from deepchord.shared.tables import is_frame
from deepchord.training import RecipeOptions, train

_PLACES = ("broker", "storage", "engine", "device", "workers", "threads")
#: Workers that are started here stay so long for the next fit: a search or a cross-validation has many.
_KEEP_WORKERS_S = 30.0


class DeepEnsembleClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A deep ensemble with the conventions of scikit-learn.

    `fit` trains the members as `deepchord.train` does: on the workers of a fleet with `broker`, else on workers of this
    machine, which stay for half a minute for a next fit. Each fit is a run in storage, with a report of its own
    (`deepchord report RUN`).

    Args:
        test_fraction: The share of `X` that no member trains on, and that `evaluation_` is about.
        random_state: The seed of the run: the same one gives the same ensemble on the same engine.
        broker: The broker of a fleet; None: `DEEPCHORD_BROKER`, or one of this process's own.
        storage: The URL of the storage; None: `DEEPCHORD_STORAGE`, or the usual folder.
        engine: What trains, for workers that are started here.
        device: What it trains on, for workers that are started here.
        workers: How many workers to start here; None: as many as train fastest.
        threads: Processor threads of each of them.
        show: Whether `fit` shows the run while it goes on, as `deepchord train` does.

    All others are the options of a recipe, by their names there (docs/recipes.md): `preset`, `members`, `epochs`,
    `layers` … Those that are None are the preset's. Without a preset that is `quick` for images and `tabular` for rows,
    which need no scaling: numbers, texts, dates and missing values are prepared as docs/tables.md says.

    Attributes:
        classes_: The classes, sorted [classes].
        n_features_in_: The length of the second axis of `X`.
        ensemble_: The trained `Ensemble`, which also tells uncertainties.
        run_id_: The run in storage.
        evaluation_: What the run ended with: scores on the images that `test_fraction` kept.
    """

    preset: str | None
    architecture: str | None
    test_fraction: float
    random_state: int | np.random.RandomState | None
    show: bool
    classes_: NDArray[Any]
    ensemble_: Ensemble
    run_id_: str
    evaluation_: EnsembleEvaluation | None

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
        channels_first: bool | None = None,
        architecture: str | None = None,
        layers: Sequence[Mapping[str, Any]] | None = None,
        initial_weights: str | None = None,
        new_head: bool | None = None,
        initial_noise: float | None = None,
        require: str | None = None,
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

    def fit(self, X: ArrayLike, y: ArrayLike) -> "DeepEnsembleClassifier":  # noqa: N803  scikit-learn's name
        """Train an ensemble; return the estimator.

        Args:
            X: Images [images, height, width] or [images, height, width, channels], whole numbers from 0 to 255, which
                are divided by 255, or floats, which are taken as they are; or rows, an array [rows, features] of
                numbers, NaN where one is missing, or a data frame of pandas or polars.
            y: The class of each, numbers or strings [images].

        Raises:
            ValueError: The images, classes or options cannot be used.
            DeepchordError: The run failed, or a broker, an engine or the storage cannot be used.
        """
        values, labels = self._validated(X, y)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(column_or_1d(labels, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"DeepEnsembleClassifier needs at least 2 classes; y holds 1 class, {self.classes_[0]!r}.")
        try:
            run = train(
                values,
                codes,
                class_names=_names(self.classes_),
                test=self.test_fraction,
                keep_workers=_KEEP_WORKERS_S,
                **self._arguments(),
            )
        except (InputError, DatasetError) as error:
            raise ValueError(str(error)) from error
        try:
            (run.watch if self.show else run.wait)()
        except BaseException:
            with contextlib.suppress(InputError):  # it has ended
                run.cancel()
            raise
        evaluation = run.evaluation
        self.evaluation_ = evaluation if isinstance(evaluation, EnsembleEvaluation) else None
        self.run_id_, self.ensemble_ = run.run_id, run.ensemble
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803  scikit-learn's name
        """Return calibrated probabilities [images, classes], the classes in the order of `classes_`.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: The images are not as those of `fit`.
        """
        probabilities: NDArray[np.float64] = self.predict_uncertainty(X).probabilities.astype(np.float64)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        return probabilities

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803  scikit-learn's name
        """Return the most probable class of each image [images]; see `predict_proba` for errors."""
        labels = self.predict_uncertainty(X).labels
        return self.classes_[labels]

    def predict_uncertainty(self, X: ArrayLike, **question: Any) -> Prediction:  # noqa: N803  scikit-learn's name
        """Return what the ensemble says of images, with measures of uncertainty.

        Args:
            X: See `fit`.
            question: The options of `Ensemble.predict`: `risk`, `sets`, `members` …

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: The images are not as those of `fit`, or an option is not valid.
        """
        check_is_fitted(self, "ensemble_")
        values = (
            validate_data(self, X, skip_check_array=True, reset=False)
            if is_frame(X)
            else validate_data(self, X, allow_nd=True, ensure_all_finite="allow-nan", reset=False)
        )
        if self.ensemble_.description.dataset.table is None and not is_frame(values) and values.ndim == 2:
            # An earlier version trained on features as images of one line.
            values = values.astype(np.float32)[:, None, :, None]
        try:
            return self.ensemble_.predict(values, **question)
        except (InputError, DatasetError) as error:
            raise ValueError(str(error)) from error

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _validated(self, x: Any, y: ArrayLike) -> tuple[Any, NDArray[Any]]:
        """Return checked inputs and labels; a data frame stays one, with its texts and dates."""
        if is_frame(x):
            frame, labels = validate_data(self, x, column_or_1d(y, warn=True), skip_check_array=True)
            check_consistent_length(frame, labels)
            return frame, labels
        values, labels = validate_data(self, x, y, allow_nd=True, ensure_all_finite="allow-nan")
        return values, labels

    def _arguments(self) -> dict[str, Any]:
        """Return what `train` is given beside the images and classes."""
        wanted, own = {*RecipeOptions.__annotations__, *_PLACES}, self.get_params(deep=False)
        arguments = {name: value for name, value in own.items() if name in wanted and value is not None}
        if self.random_state is not None:
            arguments["seed"] = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        return arguments


def _names(classes: NDArray[Any]) -> list[str] | None:
    """Return classes as texts; None if they are no different texts that can be shown."""
    names = [str(each) for each in classes.tolist()]
    return (
        names if len(set(names)) == len(names) and all(name.strip() and name.isprintable() for name in names) else None
    )
