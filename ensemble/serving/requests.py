"""What clients send: images as JSON, as files of a form, or as the body itself; and what they ask about them."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.datastructures import QueryParams, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from deepchord.ensemble.answers import Question, ask
from deepchord.ensemble.inputs import as_images
from deepchord.ensemble.inputs.image_files import read_picture
from deepchord.ensemble.inputs.values import check_values
from deepchord.ensemble.serving.limits import ServeLimits
from deepchord.ensemble.thresholds import parse_share
from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import DatasetInfo, EnsembleDescription, Fitting

#: The query parameters; see `Ensemble.predict`, where `abstain` is called `risk`.
PARAMETERS = ("abstain", "sets", "set_method", "per_class", "members", "fit")
_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": True}


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """A request that was understood."""

    names: tuple[str, ...]
    #: [images, height, width, channels], uint8 or float32.
    pixels: NDArray[Any]
    question: Question


async def read_request(
    request: Request, description: EnsembleDescription, limits: ServeLimits, usual_risk: float | None
) -> Asked:
    """Return what a request asks.

    Args:
        request: Its body holds images; its query parameters say what is asked.
        description: The ensemble that is asked.
        limits: Of the server.
        usual_risk: The risk for abstaining, where the request gives none; None: such requests get no `abstains`.

    Raises:
        HTTPException: 400, 413, 415 or 422, with a sentence.
    """
    fit, question = _question(request.query_params, description, usual_risk)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    dataset = description.dataset
    try:
        if kind == "application/json":
            names, pixels = _from_json(await _body(request, limits), dataset, fit)
        elif kind == "multipart/form-data":
            names, pixels = await _from_form(request, dataset, fit, limits)
        elif kind.startswith("image/") or kind == "application/octet-stream":
            names, pixels = ("image",), _picture(await _body(request, limits), "The image", dataset, fit, limits)[None]
        else:
            raise HTTPException(
                415, f"Content-Type is {kind or 'missing'}; expected application/json, multipart/form-data or image/*."
            )
    except DeepchordError as error:
        raise HTTPException(422, str(error)) from error
    if len(pixels) > limits.max_images:
        raise HTTPException(413, f"The request has {len(pixels):,} images; at most {limits.max_images:,} at once.")
    return Asked(names=names, pixels=pixels, question=question)


async def _body(request: Request, limits: ServeLimits) -> bytes:
    """Return the body; refuse one that is too large before all of it has come."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limits.max_bytes:
            raise too_large(limits)
        parts.append(part)
    return b"".join(parts)


def too_large(limits: ServeLimits) -> HTTPException:
    """Return the answer to a request of too many bytes."""
    return HTTPException(413, f"The request is larger than the {limits.max_bytes:,} bytes that are taken.")


def _question(
    query: QueryParams, description: EnsembleDescription, usual_risk: float | None
) -> tuple[Fitting, Question]:
    risk = query.get("abstain")
    unknown = [name for name in query if name not in PARAMETERS]
    if unknown:
        raise HTTPException(400, f"Unknown parameter {unknown[0]!r}; known are {', '.join(PARAMETERS)}.")
    fit, method = query.get("fit", "none"), query.get("set_method", "lac")
    if fit not in ("none", "resize") or method not in ("lac", "aps"):
        raise HTTPException(400, f"fit is {fit!r} and set_method {method!r}; expected none or resize, and lac or aps.")
    try:
        question = ask(
            description,
            risk=usual_risk if risk is None else None if risk == "none" else parse_share(risk, "abstain"),
            sets=parse_share(query.get("sets"), "sets"),
            set_method=method,  # type: ignore[arg-type]  # checked above
            per_class=_flag(query, "per_class"),
            members=_flag(query, "members"),
        )
    except DeepchordError as error:
        raise HTTPException(400, str(error)) from error
    return fit, question  # type: ignore[return-value]  # checked above


def _flag(query: QueryParams, name: str) -> bool:
    text = query.get(name, "0").lower()
    if text not in _WORDS:
        raise HTTPException(400, f"{name} is {text!r}; expected true or false.")
    return _WORDS[text]


def _from_json(body: bytes, dataset: DatasetInfo, fit: Fitting) -> tuple[tuple[str, ...], NDArray[Any]]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"The body is not valid JSON: {error}.") from error
    if not isinstance(data, dict) or set(data) != {"images"}:
        raise HTTPException(422, 'Expected {"images": […]}, one or more images as nested lists of numbers.')
    try:
        array = np.array(data["images"])
    except ValueError as error:
        raise HTTPException(422, "The images have no common shape: their lists differ in length.") from error
    if array.dtype.kind not in "iuf":
        raise HTTPException(422, f"The images hold {array.dtype}; expected numbers.")
    pixels = as_images(array, dataset, fit)
    return tuple(str(index) for index in range(len(pixels))), pixels


async def _from_form(
    request: Request, dataset: DatasetInfo, fit: Fitting, limits: ServeLimits
) -> tuple[tuple[str, ...], NDArray[Any]]:
    async with request.form(max_files=limits.max_images, max_fields=8, max_part_size=limits.max_bytes) as form:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise HTTPException(422, "The form has no files; expected one or more images as parts with a file name.")
        names, pixels = [], []
        for number, file in enumerate(files):
            name = file.filename or f"image {number}"
            names.append(name)
            pixels.append(_picture(await file.read(), name, dataset, fit, limits))
    return tuple(names), np.stack(pixels)


def _picture(data: bytes, name: str, dataset: DatasetInfo, fit: Fitting, limits: ServeLimits) -> NDArray[Any]:
    pixels = read_picture(data, dataset.input_shape, fit, name, max_pixels=limits.max_pixels)
    check_values(pixels, dataset)
    return pixels
