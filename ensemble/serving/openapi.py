"""The description of the server's interface, OpenAPI 3.1."""

from collections.abc import Sequence
from typing import Any

from deepchord.shared.version import version

_NUMBER = {"type": "number"}
_NUMBERS = {"type": "array", "items": _NUMBER}

#: An answer has one of them.
_ITEM = {
    "image": {"type": "string", "description": "The file's name, or the number of the image."},
    "row": {"type": "string", "description": "The number of the row, for an ensemble of a table."},
}
_PREDICTION = {
    "type": "object",
    "required": ["label", "class", "confidence", "probabilities", "predictive_entropy"],
    "properties": {
        **_ITEM,
        "label": {"type": "integer", "description": "The most probable class, counted from 0."},
        "class": {"type": "string"},
        "confidence": {**_NUMBER, "description": "The calibrated probability of that class."},
        "probabilities": {**_NUMBERS, "description": "Calibrated, in the order of class_names."},
        "predictive_entropy": {**_NUMBER, "description": "The total uncertainty, in nats."},
        "mutual_information": {**_NUMBER, "description": "What the members disagree about, in nats."},
        "disagreement": {**_NUMBER, "description": "The share of members that do not vote with the majority."},
        "abstains": {"type": "boolean", "description": "Whether it is not sure enough; with abstain only."},
        "set": {"type": "array", "items": {"type": "string"}, "description": "The conformal set; with sets only."},
        "members": {"type": "array", "items": _NUMBERS, "description": "Of each member; with members only."},
    },
}
_ENDS = {"type": "array", "items": {"type": ["number", "null"]}}
_NUMBER_PREDICTION = {
    "type": "object",
    "required": ["mean", "standard_deviation", "lower", "upper"],
    "properties": {
        **_ITEM,
        "mean": {**_NUMBERS, "description": "Of each target, in the order of target_names, in its own unit."},
        "standard_deviation": {**_NUMBERS, "description": "The total uncertainty, scaled as the run has found."},
        "aleatoric_standard_deviation": {**_NUMBERS, "description": "The noise in the data."},
        "epistemic_standard_deviation": {**_NUMBERS, "description": "What the members do not agree on."},
        "lower": {**_ENDS, "description": "The lower ends of the intervals; null: there is none."},
        "upper": {**_ENDS, "description": "The upper ends of the intervals; null: there is none."},
        "members": {"type": "array", "items": _NUMBERS, "description": "The means of each member; with members only."},
    },
}
_WARNINGS = {
    "type": "array",
    "items": {"type": "string"},
    "description": "What is odd about what was sent: values, columns or categories that the training did not "
    "have; only if there is anything.",
}
_NUMBER_ANSWER = {
    "type": "object",
    "required": ["model", "target_names", "level", "interval_method", "predictions"],
    "properties": {
        "model": {"type": "string"},
        "target_names": {"type": "array", "items": {"type": "string"}},
        "level": {**_NUMBER, "description": "With this probability intervals hold the actual number."},
        "interval_method": {"type": "string", "enum": ["predicted", "scaled", "conformal"]},
        "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/NumberPrediction"}},
        "warnings": _WARNINGS,
    },
}
_ANSWER = {
    "type": "object",
    "required": ["model", "class_names", "predictions"],
    "properties": {
        "model": {"type": "string"},
        "class_names": {"type": "array", "items": {"type": "string"}},
        "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
        "warnings": _WARNINGS,
    },
}
_LABEL_PREDICTION = {
    "type": "object",
    "required": ["labels", "probabilities", "predictive_entropy"],
    "properties": {
        **_ITEM,
        "labels": {"type": "array", "items": {"type": "string"}, "description": "Those that are predicted to apply."},
        "probabilities": {**_NUMBERS, "description": "Calibrated, of each label, in the order of label_names."},
        "predictive_entropy": {**_NUMBERS, "description": "The total uncertainty of each label, in nats."},
        "expected_entropy": {**_NUMBERS, "description": "What more members would not remove, in nats."},
        "mutual_information": {**_NUMBERS, "description": "What the members disagree about, in nats."},
        "members": {"type": "array", "items": _NUMBERS, "description": "Of each member; with members only."},
    },
}
_LABEL_ANSWER = {
    "type": "object",
    "required": ["model", "label_names", "predictions"],
    "properties": {
        "model": {"type": "string"},
        "label_names": {"type": "array", "items": {"type": "string"}},
        "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/LabelPrediction"}},
        "warnings": _WARNINGS,
    },
}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_REFUSALS = {
    "400": "A parameter or the JSON is not valid.",
    "401": "The token is missing or wrong.",
    "404": "There is no such model.",
    "413": "The request or an image is too large.",
    "415": "The content type is not known.",
    "422": "The images do not fit the networks, or cannot be read.",
    "503": "Too many requests at once.",
    "504": "It took too long.",
}


def openapi(models: Sequence[str], *, needs_token: bool) -> dict[str, Any]:
    """Return the description of a server.

    Args:
        models: The names of its ensembles; the first is the usual one.
        needs_token: Whether clients have to send a token.
    """
    predict = _predict()
    named = {
        **predict,
        "operationId": "predictWith",
        "parameters": [
            {"name": "model", "in": "path", "required": True, "schema": {"type": "string", "enum": list(models)}},
            *predict["parameters"],
        ],
    }
    secured: dict[str, Any] = {"security": [{"token": []}]} if needs_token else {}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "deepchord",
            "version": version(),
            "description": "What deep ensembles say of images, and how sure they are.",
        },
        **secured,
        "paths": {
            "/predict": {"post": {**predict, "summary": f"Predict images with {models[0]}"}},
            "/models/{model}/predict": {"post": {**named, "summary": "Predict images with a named ensemble"}},
            "/models": {"get": _plain("models", "The ensembles that are served")},
            "/metrics": {"get": _plain("metrics", "Numbers for Prometheus")},
            "/healthz": {"get": {**_plain("health", "Whether the process answers"), "security": []}},
            "/readyz": {"get": {**_plain("ready", "Whether all ensembles are loaded"), "security": []}},
        },
        "components": {
            "schemas": {
                "Prediction": _PREDICTION,
                "Answer": _ANSWER,
                "NumberPrediction": _NUMBER_PREDICTION,
                "NumberAnswer": _NUMBER_ANSWER,
                "LabelPrediction": _LABEL_PREDICTION,
                "LabelAnswer": _LABEL_ANSWER,
                "Error": _ERROR,
            },
            **({"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}} if needs_token else {}),
        },
    }


def _predict() -> dict[str, Any]:
    images = {"type": "array", "description": "One image or several, as nested lists; uint8 or floats as in training."}
    rows = {
        "type": "array",
        "items": {"type": "object"},
        "description": "For an ensemble of a table: rows, by the names of their columns; /models lists the columns.",
    }
    binary = {"type": "string", "format": "binary"}
    files = {"type": "object", "properties": {"files": {"type": "array", "items": binary}}}
    refused = {
        status: {
            "description": text,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for status, text in _REFUSALS.items()
    }
    # Of an ensemble that predicts classes, of one that predicts numbers, or of one that predicts labels.
    answers = [{"$ref": f"#/components/schemas/{name}"} for name in ("Answer", "NumberAnswer", "LabelAnswer")]
    answer = {"application/json": {"schema": {"oneOf": answers}}}
    return {
        "operationId": "predict",
        "parameters": [
            _query("abstain", "The share of answers that may be wrong: adds `abstains`; none: it is left out.", "1%"),
            _query("sets", "The probability of conformal sets: adds `set`.", "95%"),
            _query("set_method", "lac for the smallest sets, aps for sets that grow with the difficulty.", "lac"),
            _query("per_class", "Whether that probability holds within each class.", "false"),
            _query("level", "Of numbers: the probability of the intervals; 90% if it is not given.", "90%"),
            _query("members", "Whether each member's probabilities, or the means of its numbers, are told.", "true"),
            _query("fit", "resize scales images of another shape, none refuses them; not for rows.", "resize"),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "object", "properties": {"images": images, "rows": rows}}},
                "multipart/form-data": {"schema": files},
                "image/*": {"schema": binary},
            },
        },
        "responses": {"200": {"description": "What the ensemble says.", "content": answer}, **refused},
    }


def _query(name: str, description: str, example: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"}, "example": example}


def _plain(operation: str, summary: str) -> dict[str, Any]:
    return {"operationId": operation, "summary": summary, "responses": {"200": {"description": "OK"}}}
