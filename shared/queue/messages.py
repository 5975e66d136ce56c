"""Checks each message of a queue before Celery uses it: anybody who reaches the broker may have written it."""

import base64
from typing import Annotated, Any, Literal, Self

from celery.app.task import Context
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import from_json

from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.validation import explain

#: Our messages are hundreds of times smaller; a larger message is not parsed.
MAX_BYTES = 2**20
_MAX_RETRIES = 1000
_MAX_REASON_LENGTH = 200

_Name = Annotated[str, Field(min_length=1, max_length=250)]
_Count = Annotated[int, Field(ge=0, le=_MAX_RETRIES)]


class _Part(BaseModel):
    """A part of a message; fields that nobody reads are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Route(_Part):
    exchange: str
    routing_key: str


class _Properties(_Part):
    delivery_tag: _Name
    delivery_info: _Route
    body_encoding: Literal["base64"] | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    priority: Annotated[int, Field(ge=0, le=9)] | None = None


class _Headers(_Part):
    #: Compressed bodies are refused: nobody knows how large they become before they are unpacked.
    compression: None = None


class _Envelope(_Part):
    """A message of any queue."""

    headers: _Headers = _Headers()
    properties: _Properties
    content_type: Literal["application/json"] = Field(alias="content-type")
    content_encoding: Literal["utf-8"] = Field(alias="content-encoding")
    body: str


class _TaskHeaders(_Headers):
    """The headers of a task. Our messages never have an eta, expires or timelimit, and a worker would obey them."""

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, str | int | bool | None] = Field(init=False)

    id: _Name
    task: _Name
    shadow: None = None
    eta: None = None
    expires: None = None
    timelimit: tuple[None, None] | None = None
    group: _Name | None = None
    group_index: int | None = None
    retries: _Count = 0
    root_id: str | None = None
    parent_id: str | None = None
    origin: str | None = None
    ignore_result: bool | None = None
    replaced_task_nesting: _Count = 0
    stamped_headers: Annotated[list[str], Field(max_length=0)] | None = None
    stamps: Annotated[dict[str, str], Field(max_length=0)] | None = None

    @model_validator(mode="after")
    def _check_extra(self) -> Self:
        """Refuse a header that would overwrite another attribute of Celery's task context."""
        taken = sorted(vars(Context).keys() & (self.__pydantic_extra__ or {}).keys())
        if taken:
            raise ValueError(f"the header '{taken[0]}' is none of a task's")
        return self


class _TaskEnvelope(_Envelope):
    headers: _TaskHeaders


class _Signature(_Part):  # type: ignore[no-redef]  # mypy takes the field for the ** that pydantic's plugin adds
    """A task that Celery sends after this one."""

    task: _Name
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    options: dict[str, Any] = {}


class _Embedded(_Part):
    callbacks: list[_Signature] | None = None
    errbacks: list[_Signature] | None = None
    chain: list[_Signature] | None = None
    chord: _Signature | None = None


_BODY: TypeAdapter[Any] = TypeAdapter(tuple[list[Any], dict[str, Any], _Embedded], config=ConfigDict(strict=True))


def check_message(data: bytes, *, is_task: bool) -> None:
    """Raise unless the bytes are a message whose parts have the right types, a small size and a small depth.

    Args:
        data: The whole message as the broker holds it.
        is_task: Whether it comes from a queue of tasks; other queues hold answers and remote control.

    Raises:
        MessageDecodeError: It is not such a message; the reason is one short line without control characters.
    """
    if len(data) > MAX_BYTES:
        raise MessageDecodeError(f"it has {len(data):,} bytes, and {MAX_BYTES:,} are the most")
    try:
        message = (_TaskEnvelope if is_task else _Envelope).model_validate_json(data)
    except ValidationError as error:
        raise MessageDecodeError(_printable(explain(error))) from error
    try:
        body = message.body.encode()
        if message.properties.body_encoding is not None:
            body = base64.b64decode(body)
        parts = from_json(body)
        if is_task:
            _BODY.validate_json(body)
    except ValidationError as error:
        raise MessageDecodeError(_printable(f"body: {explain(error)}")) from error
    except ValueError as error:
        raise MessageDecodeError(_printable(f"body: {error}")) from error
    if _has_objects(from_json(data)) or _has_objects(parts):
        raise MessageDecodeError("it holds objects of Python, which no message of ours does")


def task_id(data: bytes | str) -> str | None:
    """Return the id of the task in a message; None if the bytes are not the message of a task."""
    raw = data if isinstance(data, bytes) else data.encode(errors="replace")
    try:
        check_message(raw, is_task=True)
    except MessageDecodeError:
        return None
    return str(from_json(raw)["headers"]["id"])


def _has_objects(value: Any) -> bool:
    """Return whether shallow JSON holds something that kombu would turn into a Python object, such as a date."""
    if isinstance(value, dict):
        return "__type__" in value or any(map(_has_objects, value.values()))
    return isinstance(value, list) and any(map(_has_objects, value))


def _printable(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "�" for letter in text)
    return shown if len(shown) <= _MAX_REASON_LENGTH else f"{shown[:_MAX_REASON_LENGTH]}…"
