"""What a server answers, as JSON."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.responses import JSONResponse

from deepchord.ensemble.multilabel_prediction import MultilabelPrediction
from deepchord.ensemble.prediction import Prediction
from deepchord.ensemble.regression_prediction import RegressionPrediction


def prediction_response(
    model: str, names: Sequence[str], prediction: Prediction, item: str, warnings: Sequence[str] = ()
) -> JSONResponse:
    """Return the predicted classes of some images or rows.

    Args:
        model: The name of the ensemble.
        names: Of the images or rows.
        prediction: Of them all.
        item: What one of them is called: `image` or `row`.
        warnings: What the client should know about what it sent; they are left out if there are none.
    """
    return JSONResponse(
        {
            "model": model,
            "class_names": list(prediction.class_names),
            "predictions": [{item: name} | _one(prediction, index) for index, name in enumerate(names)],
            **({"warnings": list(warnings)} if warnings else {}),
        }
    )


def numbers_response(
    model: str,
    names: Sequence[str],
    prediction: RegressionPrediction,
    item: str,
    level: float,
    warnings: Sequence[str] = (),
) -> JSONResponse:
    """Return the predicted numbers of some images or rows, with intervals of a level; see `prediction_response`."""
    lower, upper = prediction.intervals(level)
    arrays = {
        "mean": prediction.mean,
        "standard_deviation": prediction.standard_deviation,
        "aleatoric_standard_deviation": prediction.aleatoric_standard_deviation,
        "epistemic_standard_deviation": prediction.epistemic_standard_deviation,
        "lower": lower,
        "upper": upper,
    }
    predictions: list[dict[str, Any]] = [
        {item: name, **{field: _bounded(values[index]) for field, values in arrays.items()}}
        for index, name in enumerate(names)
    ]
    if prediction.members is not None:
        for index, answer in enumerate(predictions):
            answer["members"] = [_bounded(member[index]) for member in prediction.members]
    return JSONResponse(
        {
            "model": model,
            "target_names": list(prediction.target_names),
            "level": level,
            "interval_method": prediction.interval_method(level),
            "predictions": predictions,
            **({"warnings": list(warnings)} if warnings else {}),
        }
    )


def labels_response(
    model: str, names: Sequence[str], prediction: MultilabelPrediction, item: str, warnings: Sequence[str] = ()
) -> JSONResponse:
    """Return the predicted labels of some images or rows; see `prediction_response`."""
    fields = ("probabilities", "predictive_entropy", "expected_entropy", "mutual_information")
    predictions: list[dict[str, Any]] = [
        {
            item: name,
            "labels": list(of_row),
            **{field: [_number(value) for value in getattr(prediction, field)[index]] for field in fields},
        }
        for index, (name, of_row) in enumerate(zip(names, prediction.names(), strict=True))
    ]
    if prediction.members is not None:
        for index, answer in enumerate(predictions):
            answer["members"] = [[_number(value) for value in member[index]] for member in prediction.members]
    return JSONResponse(
        {
            "model": model,
            "label_names": list(prediction.label_names),
            "predictions": predictions,
            **({"warnings": list(warnings)} if warnings else {}),
        }
    )


def _bounded(values: NDArray[np.float64]) -> list[float | None]:
    """Return numbers; None where an interval has no end, which JSON has no number for."""
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _one(prediction: Prediction, index: int) -> dict[str, Any]:
    label = int(prediction.labels[index])
    answer: dict[str, Any] = {
        "label": label,
        "class": prediction.class_names[label],
        "confidence": _number(prediction.confidence[index]),
        "probabilities": [_number(value) for value in prediction.probabilities[index]],
        "predictive_entropy": _number(prediction.predictive_entropy[index]),
        "mutual_information": _number(prediction.mutual_information[index]),
        "disagreement": _number(prediction.disagreement[index]),
    }
    if prediction.abstains is not None:
        answer["abstains"] = bool(prediction.abstains[index])
    if prediction.sets is not None:
        answer["set"] = [prediction.class_names[each] for each in prediction.sets[index].nonzero()[0]]
    if prediction.members is not None:
        answer["members"] = [[_number(value) for value in member[index]] for member in prediction.members]
    return answer


def _number(value: Any) -> float:
    """Return a float32 with seven significant digits, which is all it has."""
    return float(f"{value:.7g}")
