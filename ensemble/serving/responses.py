"""What a server answers, as JSON."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse

from deepchord.ensemble.prediction import Prediction


def prediction_response(
    model: str, names: Sequence[str], prediction: Prediction, item: str, warnings: Sequence[str] = ()
) -> JSONResponse:
    """Return the predictions of some images or rows.

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
