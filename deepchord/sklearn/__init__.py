"""Deep ensembles as estimators of scikit-learn: of classes, and of numbers."""

from deepchord.sklearn.classifier import DeepEnsembleClassifier
from deepchord.sklearn.regressor import DeepEnsembleRegressor

__all__ = ["DeepEnsembleClassifier", "DeepEnsembleRegressor"]
