"""The base classes of all messages, which decode JSON and raise errors that name the problem."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from deepchord.shared.errors import DeepchordError, MessageDecodeError, OtherVersionError
from deepchord.shared.validation.explanation import OTHER_PROTOCOL, explain, shortened, suggestion, with_full_stop
from deepchord.shared.version import version

#: The only protocol that this version of deepchord understands.
PROTOCOL: Final = 1


class Message(BaseModel):
    """A frozen, keyword-only, validated value; unknown fields are refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for name in data:
                if name not in cls.model_fields:
                    hint = suggestion(str(name), cls.model_fields)
                    raise PydanticCustomError(
                        "unknown_option", "unknown option {name}{hint}", {"name": shortened(str(name)), "hint": hint}
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
            source: Where the data came from, for the error.

        Raises:
            MessageDecodeError: It is not JSON, or a field is missing, unknown or not valid.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise _error_class(error, MessageDecodeError)(
                with_full_stop(f"{source} is not a valid {cls.__name__}: {explain(error)}")
            ) from error

    @classmethod
    def parse(cls, data: object, source: str, error_class: type[DeepchordError] = MessageDecodeError) -> Self:
        """Return the message that plain Python data (dicts, lists, numbers) holds; else raise `error_class`."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise _error_class(error, error_class)(with_full_stop(f"{source}: {explain(error)}")) from error


class ExtendedMessage(Message):
    """A message with fields that earlier versions did not know, and which they would refuse.

    These are written only where they differ from their default: a message that does without them is written as earlier
    versions wrote it, so they can read it.
    """

    #: The names of such fields, without those that the base classes name; each of them has a default.
    added_fields: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_added_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        for kind in type(self).__mro__:
            for name in vars(kind).get("added_fields", ()):
                if name in written and getattr(self, name) == type(self).model_fields[name].default:
                    del written[name]
        return written


class Versioned(Message):
    """A message that other versions of deepchord may have written; another protocol is refused with both versions."""

    #: Increased whenever older workers can no longer understand a message or an object in storage.
    protocol: Literal[1] = PROTOCOL
    #: The version of deepchord that wrote the message.
    version: str = Field(default_factory=version)

    @model_validator(mode="before")
    @classmethod
    def _refuse_other_protocols(cls, data: Any) -> Any:
        theirs = data.get("protocol", PROTOCOL) if isinstance(data, Mapping) else PROTOCOL
        if theirs != PROTOCOL:
            raise PydanticCustomError(
                OTHER_PROTOCOL,
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
    return OtherVersionError if error.errors()[0]["type"] == OTHER_PROTOCOL else otherwise
