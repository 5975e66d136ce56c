"""A deep ensemble of classes as an estimator of scikit-learn."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from deepchord.ensemble import Prediction
from deepchord.shared.messages import EnsembleEvaluation
from deepchord.shared.tables import is_frame
from deepchord.sklearn.estimator import DeepEnsembleEstimator


class DeepEnsembleClassifier(ClassifierMixin, DeepEnsembleEstimator):  # type: ignore[misc]  # scikit-learn has no types
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

    classes_: NDArray[Any]
    evaluation_: EnsembleEvaluation | None

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
        evaluation = self._train(values, codes, class_names=_names(self.classes_)).evaluation
        self.evaluation_ = evaluation if isinstance(evaluation, EnsembleEvaluation) else None
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
        found = self._asked(X, **question)
        assert isinstance(found, Prediction), "classes were trained on"  # noqa: S101  for the type checker
        return found

    def _validated(self, x: Any, y: ArrayLike) -> tuple[Any, NDArray[Any]]:
        """Return checked inputs and labels; a data frame stays one, with its texts and dates."""
        if is_frame(x):
            frame, labels = validate_data(self, x, column_or_1d(y, warn=True), skip_check_array=True)
            check_consistent_length(frame, labels)
            return frame, labels
        values, labels = validate_data(self, x, y, allow_nd=True, ensure_all_finite="allow-nan")
        return values, labels


def _names(classes: NDArray[Any]) -> list[str] | None:
    """Return classes as texts; None if they are no different texts that can be shown."""
    names = [str(each) for each in classes.tolist()]
    return (
        names if len(set(names)) == len(names) and all(name.strip() and name.isprintable() for name in names) else None
    )
