"""What clients send: images as JSON, as files of a form, or as the body itself; and what they ask about them."""

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from python_multipart.multipart import parse_options_header
from starlette.datastructures import QueryParams, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from deepchord.ensemble.answers import Question, ask
from deepchord.ensemble.inputs import Converted, check_fit, convert_images, convert_rows
from deepchord.ensemble.inputs.values import checked_values
from deepchord.ensemble.serving.limits import ServeLimits
from deepchord.ensemble.thresholds import parse_share
from deepchord.shared.command_line import label
from deepchord.shared.errors import DeepchordError
from deepchord.shared.images import picture_pixels, read_picture
from deepchord.shared.messages import DatasetInfo, EnsembleDescription, Fitting

#: The query parameters; see `Ensemble.predict`, where `abstain` is called `risk`.
PARAMETERS = ("abstain", "sets", "set_method", "per_class", "level", "members", "fit")
#: The level of intervals, if the request gives none.
_USUAL_LEVEL = 0.9
#: Other fields of a form are not looked at.
_MOST_FIELDS, _LARGEST_FIELD_BYTES = 8, 1024
#: Smaller bodies are decoded sooner than they could be handed to another thread.
_SMALL_BYTES, _SMALL_PIXELS = 2**14, 2**14
_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": True}


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """A request that was understood."""

    names: tuple[str, ...]
    content: Converted
    question: Question
    #: Of the intervals, where numbers are predicted.
    level: float


async def read_request(
    request: Request, description: EnsembleDescription, limits: ServeLimits, usual_risk: float | None, pool: Executor
) -> Asked:
    """Return what a request asks; all but small images are decoded in the pool, so that others are answered meanwhile.

    Args:
        request: Its body, which is not too large, holds images; its query parameters say what is asked.
        description: The ensemble that is asked.
        limits: Of the server.
        usual_risk: The risk for abstaining, where the request gives none; None: such requests get no `abstains`.
        pool: Decodes.

    Raises:
        HTTPException: 400, 413, 415 or 422, with a sentence.
    """
    fit, question = _question(request.query_params, description, usual_risk)
    level = _level(request.query_params, description)
    content = await _content(request, limits)
    decode = partial(_decoded, content, description.dataset, fit, limits)
    try:
        if fit == "none" and _is_small(content):
            names, converted = decode()
        else:
            names, converted = await asyncio.get_running_loop().run_in_executor(pool, decode)
    except DeepchordError as error:
        raise HTTPException(422, str(error)) from error
    return Asked(names=names, content=converted, question=question, level=level)


async def _content(request: Request, limits: ServeLimits) -> bytes | list[tuple[str, bytes]]:
    """Return the body of a request: JSON as it is, or image files with their names."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"us-ascii"):
        raise HTTPException(415, "The charset has to be utf-8.")
    if kind == b"application/json":
        return await request.body()
    if kind == b"multipart/form-data":
        return await _files(request, limits)
    if kind.startswith(b"image/") or kind == b"application/octet-stream":
        return [("image", await request.body())]
    shown = kind.decode("latin-1") or "missing"
    raise HTTPException(415, f"Content-Type is {shown}; expected application/json, multipart/form-data or image/*.")


def _is_small(content: bytes | list[tuple[str, bytes]]) -> bool:
    if isinstance(content, bytes):
        return len(content) <= _SMALL_BYTES
    # A small file may unpack to a large image.
    return (
        sum(len(data) for _, data in content) <= _SMALL_BYTES
        and sum(picture_pixels(data, name) for name, data in content) <= _SMALL_PIXELS
    )


def _decoded(
    content: bytes | list[tuple[str, bytes]], dataset: DatasetInfo, fit: Fitting, limits: ServeLimits
) -> tuple[tuple[str, ...], Converted]:
    """Return the names of the images, and the images as the networks take them."""
    if isinstance(content, bytes):
        return _from_json(content, dataset, fit, limits)
    return _from_files(content, dataset, fit, limits)


async def _files(request: Request, limits: ServeLimits) -> list[tuple[str, bytes]]:
    """Return the files of a form, with their names."""
    try:
        async with request.form(
            max_files=limits.max_images, max_fields=_MOST_FIELDS, max_part_size=_LARGEST_FIELD_BYTES
        ) as form:
            files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
            found = [(_printable(file.filename) or f"image {n}", await file.read()) for n, file in enumerate(files)]
    except HTTPException as error:
        if str(error.detail).startswith("Too many files"):
            raise _too_many(limits) from error
        raise
    if not found:
        raise HTTPException(422, "The form has no files; expected one or more images as parts with a file name.")
    return found


def too_large(limits: ServeLimits) -> HTTPException:
    """Return the answer to a request of too many bytes."""
    return HTTPException(413, f"The request is larger than the {limits.max_bytes:,} bytes that are taken.")


def _too_many(limits: ServeLimits, items: str = "images") -> HTTPException:
    return HTTPException(413, f"The request has too many {items}; at most {limits.max_images:,} at once.")


def _too_many_pixels(limits: ServeLimits) -> HTTPException:
    return HTTPException(413, f"The images have too many pixels; at most {limits.max_pixels:,} in a request.")


def _printable(name: str | None) -> str:
    return label(name) if name else ""


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
        check_fit(description.dataset, fit)  # type: ignore[arg-type]  # checked above
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


def _level(query: QueryParams, description: EnsembleDescription) -> float:
    if "level" in query and description.regression is None:
        what = "labels" if description.multilabel else "classes: ask sets"
        raise HTTPException(400, f"level is for the intervals of numbers, and this ensemble predicts {what}.")
    try:
        return parse_share(query.get("level"), "level") or _USUAL_LEVEL
    except DeepchordError as error:
        raise HTTPException(400, str(error)) from error


def _flag(query: QueryParams, name: str) -> bool:
    text = query.get(name, "0").lower()
    if text not in _WORDS:
        raise HTTPException(400, f"{name} is {text!r}; expected true or false.")
    return _WORDS[text]


def _from_json(
    body: bytes, dataset: DatasetInfo, fit: Fitting, limits: ServeLimits
) -> tuple[tuple[str, ...], Converted]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"The body is not valid JSON: {error}.") from error
    if dataset.table is not None:
        return _from_rows(data, dataset, limits)
    if not isinstance(data, dict) or set(data) != {"images"}:
        raise HTTPException(422, 'Expected {"images": […]}, one or more images as nested lists of numbers.')
    try:
        array = np.array(data["images"])
    except ValueError as error:
        raise HTTPException(422, "The images have no common shape: their lists differ in length.") from error
    if array.dtype.kind not in "iuf":
        raise HTTPException(422, f"The images hold {array.dtype}; expected numbers.")
    # Before they are fitted: a small image may become a large one.
    if array.ndim > 2 and array.shape != dataset.input_shape and len(array) > limits.max_images:
        raise _too_many(limits)
    if array.size > limits.max_pixels:
        raise _too_many_pixels(limits)
    converted = convert_images(array, dataset, fit, name="the request")
    return tuple(str(index) for index in range(len(converted.values))), converted


def _from_rows(data: Any, dataset: DatasetInfo, limits: ServeLimits) -> tuple[tuple[str, ...], Converted]:
    """Return rows of a table, as the networks take them."""
    rows = data.get("rows") if isinstance(data, dict) and set(data) == {"rows"} else None
    if not isinstance(rows, list) or not rows or not (_all(rows, dict) or _all(rows, list)):
        raise HTTPException(
            422,
            'Expected {"rows": [{…}]}, one or more objects with the values by the names of their columns, or lists of '
            "the values in the order of the columns.",
        )
    if len(rows) > limits.max_images:
        raise _too_many(limits, "rows")
    converted = convert_rows(rows, dataset, name="the request")
    return tuple(str(index) for index in range(len(converted.values))), converted


def _all(rows: list[Any], kind: type) -> bool:
    return all(isinstance(row, kind) for row in rows)


def _from_files(
    files: Sequence[tuple[str, bytes]], dataset: DatasetInfo, fit: Fitting, limits: ServeLimits
) -> tuple[tuple[str, ...], Converted]:
    """Return the images of files; all of their pixels together are limited, as they are before they are fitted."""
    if dataset.table is not None:
        raise HTTPException(415, "This ensemble takes rows of a table, as application/json.")
    if sum(picture_pixels(data, name) for name, data in files) > limits.max_pixels:
        raise _too_many_pixels(limits)
    pictures = [
        read_picture(data, dataset.image_shape, fit, name, limits.max_pixels, dataset.files) for name, data in files
    ]
    pixels = np.stack(pictures)
    return tuple(name for name, _ in files), Converted(values=pixels, warnings=checked_values(pixels, dataset))
