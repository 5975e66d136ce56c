"""What lies in queues, checked for what it is before Celery makes anything of it: anybody may have put it there."""

import base64
from typing import Annotated, Any, Literal, Self

from celery.app.task import Context
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import from_json

from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.validation import explain

#: Hundreds of times what a message of ours has; a larger one is not even parsed.
MAX_BYTES = 2**20
_MOST_RETRIES = 1000
_LONGEST_REASON = 200

_Name = Annotated[str, Field(min_length=1, max_length=250)]
_Count = Annotated[int, Field(ge=0, le=_MOST_RETRIES)]


class _Part(BaseModel):
    """A part of a message; what nobody reads of it is let through."""

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
    #: A body would be unpacked before anybody knows how large it becomes.
    compression: None = None


class _Envelope(_Part):
    """A message of whatever queue."""

    headers: _Headers = _Headers()
    properties: _Properties
    content_type: Literal["application/json"] = Field(alias="content-type")
    content_encoding: Literal["utf-8"] = Field(alias="content-encoding")
    body: str


class _TaskHeaders(_Headers):
    """None of our messages says when it is to be run, by when, or for how long: a worker would obey."""

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
        """Refuse a header that would take the place of something else that Celery knows of a task."""
        taken = sorted(vars(Context).keys() & (self.__pydantic_extra__ or {}).keys())
        if taken:
            raise ValueError(f"the header '{taken[0]}' is none of a task's")
        return self


class _TaskEnvelope(_Envelope):
    headers: _TaskHeaders


class _Signature(_Part):  # type: ignore[no-redef]  # mypy takes the field for the ** that pydantic's plugin adds
    """What is to be sent after a task."""

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
    """Raise unless what a queue holds is a message whose parts are of the right kind, and of no great size or depth.

    Args:
        data: All of it, as the broker has it.
        is_task: Whether the queue is one of tasks; others hold answers and remote control.

    Raises:
        MessageDecodeError: It is none; why is said in a short line without control characters.
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
    """Return the id of the task that something in a queue is for; None if it is no message of a task."""
    raw = data if isinstance(data, bytes) else data.encode(errors="replace")
    try:
        check_message(raw, is_task=True)
    except MessageDecodeError:
        return None
    return str(from_json(raw)["headers"]["id"])


def _has_objects(value: Any) -> bool:
    """Say whether JSON, which was found to be of no great depth, holds what kombu would make a date or a number of."""
    if isinstance(value, dict):
        return "__type__" in value or any(map(_has_objects, value.values()))
    return isinstance(value, list) and any(map(_has_objects, value))


def _printable(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "�" for letter in text)
    return shown if len(shown) <= _LONGEST_REASON else f"{shown[:_LONGEST_REASON]}…"
