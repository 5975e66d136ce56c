"""The one base of everything that crosses a boundary, and how its errors are put into a sentence."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from shared.errors import DeepchordError, MessageDecodeError, OtherVersionError
from shared.version import version

#: The one protocol that this deepchord speaks.
PROTOCOL: Final = 1
_OTHER_PROTOCOL = "other_protocol"


class Message(BaseModel):
    """A frozen, keyword-only, validated value; unknown fields are refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for name in data:
                if name not in cls.model_fields:
                    hint = nearest(str(name), cls.model_fields)
                    raise PydanticCustomError(
                        "unknown_option", "unknown option '{name}'{hint}", {"name": str(name), "hint": hint}
                    )
        return data

    def encode(self) -> bytes:
        """Return the message as UTF-8 JSON."""
        return self.model_dump_json(indent=1).encode()

    @classmethod
    def decode(cls, data: bytes | str, source: str) -> Self:
        """Return the message that JSON holds.

        Args:
            data: UTF-8 JSON, as `encode` writes it.
            source: Where the data came from; named in the error.

        Raises:
            MessageDecodeError: Not JSON, or a field is missing, unknown or out of range.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise _error_class(error, MessageDecodeError)(
                ended(f"{source} is not a valid {cls.__name__}: {explain(error)}")
            ) from error

    @classmethod
    def parse(cls, data: object, source: str, error_class: type[DeepchordError] = MessageDecodeError) -> Self:
        """Return the message that plain Python data (dicts, lists, numbers) holds; else raise `error_class`."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise _error_class(error, error_class)(ended(f"{source}: {explain(error)}")) from error


class Versioned(Message):
    """What older and newer versions of deepchord may have written: one of other messages is refused by both names."""

    #: Raised whenever an older worker could no longer understand a message or an object in storage.
    protocol: Literal[1] = PROTOCOL
    #: The deepchord that wrote it.
    version: str = Field(default_factory=version)

    @model_validator(mode="before")
    @classmethod
    def _refuse_other_protocols(cls, data: Any) -> Any:
        theirs = data.get("protocol", PROTOCOL) if isinstance(data, Mapping) else PROTOCOL
        if theirs != PROTOCOL:
            raise PydanticCustomError(
                _OTHER_PROTOCOL,
                "it is of deepchord {their_version} (protocol {theirs}), but this is deepchord {our_version} "
                "(protocol {ours}): install the same version on all hosts",
                {
                    "their_version": str(data.get("version", "unknown"))[:40],
                    "theirs": str(theirs)[:10],
                    "our_version": version(),
                    "ours": PROTOCOL,
                },
            )
        return data


def _error_class(error: ValidationError, otherwise: type[DeepchordError]) -> type[DeepchordError]:
    return OtherVersionError if error.errors()[0]["type"] == _OTHER_PROTOCOL else otherwise


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest valid name, else the list of valid names."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; valid are {', '.join(names)}"


def ended(sentence: str) -> str:
    """Return a sentence with a full stop, unless it has one, or ends with the question of `nearest`."""
    return sentence if sentence.endswith(("?", ".")) else f"{sentence}."


def explain(error: ValidationError) -> str:
    """Return the first problem of a validation error as one clause, with the place it was found at."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
    given = "" if first["type"] in _SELF_EXPLAINING else f", found {shortened(first['input'])}"
    return f"{place}: {message}{given}" if place else f"{message}{given}"


def shortened(value: object) -> str:
    """Return a value as errors show it: of any size and depth, in at most 60 characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists in lists
        return "something far too long"
    return text if len(text) <= 60 else text[:57] + "..."


_SELF_EXPLAINING = {_OTHER_PROTOCOL, "unknown_option", "value_error", "missing", "json_invalid"}
