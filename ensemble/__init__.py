"""Uses a finished ensemble: loads it, asks it about images, exports it, serves it.

It computes with ONNX Runtime and imports no framework; nothing here trains. What is public is imported when it is first
asked for, so that the commands can be listed at once.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepchord.ensemble.ensemble import Ensemble
    from deepchord.ensemble.member import Member
    from deepchord.ensemble.multilabel_prediction import MultilabelPrediction
    from deepchord.ensemble.prediction import Prediction
    from deepchord.ensemble.regression_prediction import RegressionPrediction

__all__ = ["Ensemble", "Member", "MultilabelPrediction", "Prediction", "RegressionPrediction"]

#: The module of each public name.
_MODULES = {
    "Ensemble": "ensemble",
    "Member": "member",
    "MultilabelPrediction": "multilabel_prediction",
    "Prediction": "prediction",
    "RegressionPrediction": "regression_prediction",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
