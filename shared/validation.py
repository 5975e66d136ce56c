"""The one base of everything that crosses a boundary, and how its errors are put into a sentence."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from shared.errors import DeepchordError, MessageDecodeError


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
            raise MessageDecodeError(ended(f"{source} is not a valid {cls.__name__}: {explain(error)}")) from error

    @classmethod
    def parse(cls, data: object, source: str, error_class: type[DeepchordError] = MessageDecodeError) -> Self:
        """Return the message that plain Python data (dicts, lists, numbers) holds; else raise `error_class`."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise error_class(ended(f"{source}: {explain(error)}")) from error


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest valid name, else the list of valid names."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; valid are {', '.join(names)}"


def ended(sentence: str) -> str:
    """Return a sentence with a full stop, unless it ends with the question of `nearest`."""
    return sentence if sentence.endswith("?") else f"{sentence}."


def explain(error: ValidationError) -> str:
    """Return the first problem of a validation error as one clause, with the place it was found at."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
    given = "" if first["type"] in _SELF_EXPLAINING else f", found {_short(first['input'])}"
    return f"{place}: {message}{given}" if place else f"{message}{given}"


_SELF_EXPLAINING = {"unknown_option", "value_error", "missing", "json_invalid"}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
