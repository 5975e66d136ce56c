"""A deep ensemble of numbers as an estimator of scikit-learn."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_array, check_consistent_length, validate_data

from deepchord.ensemble import RegressionPrediction
from deepchord.shared.errors import InputError
from deepchord.shared.messages import RegressionEvaluation
from deepchord.shared.tables import is_frame
from deepchord.sklearn.estimator import DeepEnsembleEstimator


class DeepEnsembleRegressor(RegressorMixin, DeepEnsembleEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A deep ensemble that predicts one number or several, with the conventions of scikit-learn.

    Each member gives every number a mean and a variance (Lakshminarayanan et al. 2017). `fit` trains the members as
    `deepchord.train` does with `task="regression"`; parameters are those of `DeepEnsembleClassifier`. `class_weights`,
    `label_smoothing` and the like are for classes, and refused here; `beta_nll` is for numbers.

    Attributes:
        n_features_in_: The length of the second axis of `X`.
        ensemble_: The trained `Ensemble`, which also tells uncertainties.
        run_id_: The run in storage.
        evaluation_: What the run ended with: scores on the rows that `test_fraction` kept.
    """

    evaluation_: RegressionEvaluation | None
    #: Whether `y` had one axis, so that predictions have one, too.
    _is_flat: bool

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> "DeepEnsembleRegressor":  # noqa: N803  scikit-learn's name
        """Train an ensemble; return the estimator.

        Args:
            X: See `DeepEnsembleClassifier.fit`.
            y: The numbers to predict, [rows] or [rows, targets].
            sample_weight: How much each row counts in the loss of the training, [rows]; None: all alike. Nothing else
                is weighted: no validation, no test, no intervals.

        Raises:
            ValueError: The rows, numbers or options cannot be used.
            DeepchordError: The run failed, or a broker, an engine or the storage cannot be used.
        """
        values, numbers = self._validated(X, y)
        if len(numbers) < 2:
            raise ValueError("DeepEnsembleRegressor needs at least 2 rows, one of them for the test; found 1 sample.")
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, numbers, dtype=np.float64)
        self._is_flat = numbers.ndim == 1
        evaluation = self._train(values, numbers, sample_weights=weights, task="regression").evaluation
        self.evaluation_ = evaluation if isinstance(evaluation, RegressionEvaluation) else None
        return self

    def predict(
        self,
        X: ArrayLike,  # noqa: N803  scikit-learn's name
        return_std: bool = False,
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the predicted numbers, of the shape that `y` had.

        Args:
            X: See `fit`.
            return_std: Whether standard deviations of the same shape are returned as well: those of the actual numbers
                around the predicted ones, noise and disagreement together.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: The rows are not as those of `fit`.
        """
        found = self.predict_uncertainty(X)
        mean = self._shaped(found.mean)
        return (mean, self._shaped(found.standard_deviation)) if return_std else mean

    def predict_interval(self, X: ArrayLike, level: float = 0.9) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # noqa: N803  scikit-learn's name
        """Return the lower and the upper ends of intervals, of the shape that `y` had.

        Args:
            X: See `fit`.
            level: The probability with which they hold the actual number; see `RegressionPrediction.intervals`.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: The rows are not as those of `fit`, or the level is no probability.
        """
        try:
            lower, upper = self.predict_uncertainty(X).intervals(level)
        except InputError as error:
            raise ValueError(str(error)) from error
        return self._shaped(lower), self._shaped(upper)

    def predict_uncertainty(self, X: ArrayLike, *, members: bool = False) -> RegressionPrediction:  # noqa: N803  scikit-learn's name
        """Return what the ensemble says of rows: means, the parts of their uncertainty, and intervals.

        Args:
            X: See `fit`.
            members: Whether the means of each member are returned, too.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: The rows are not as those of `fit`.
        """
        found = self._asked(X, members=members)
        assert isinstance(found, RegressionPrediction), "numbers were trained on"  # noqa: S101  for the type checker
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _validated(self, x: Any, y: ArrayLike) -> tuple[Any, NDArray[np.float64]]:
        """Return checked inputs and numbers; a data frame stays one, with its texts and dates."""
        if is_frame(x):
            frame = validate_data(self, x, skip_check_array=True)
            numbers = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
            check_consistent_length(frame, numbers)
            return frame, numbers
        values, numbers = validate_data(
            self, x, y, allow_nd=True, ensure_all_finite="allow-nan", multi_output=True, y_numeric=True
        )
        return values, numbers.astype(np.float64)

    def _shaped(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return numbers, [rows, targets], in the shape that `y` had; scikit-learn may write into them."""
        return numbers[:, 0].copy() if self._is_flat else numbers.copy()
