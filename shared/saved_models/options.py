"""Reads the options of one layer of Keras from an untrusted configuration."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, get_args

from deepchord.shared.command_line import label
from deepchord.shared.errors import CheckpointError
from deepchord.shared.network import Activation, Padding
from deepchord.shared.validation import shortened

_ACTIVATIONS: tuple[str, ...] = get_args(Activation)
#: Other names of activations in Keras.
_OTHER_NAMES = {"swish": "silu", "hard_swish": "hard_silu"}
_PADDINGS: tuple[str, ...] = get_args(Padding)


@dataclass(frozen=True, kw_only=True)
class Options:
    """A layer's options; the methods take all names that an option had in the versions of Keras."""

    source: str
    #: The layer's class in Keras.
    kind: str
    name: str
    values: Mapping[str, Any]
    #: The names of the models within the model that it is in, from the outside, and its name in the last of them.
    models: tuple[str, ...] = ()
    own_name: str = ""
    #: Where Keras 3 stores its weights, such as `functional/conv2d_1`.
    stored_as: str = ""
    #: The version of the Keras that wrote it, such as `2.15.0`; None: it is not told.
    keras_version: str | None = None

    def refuse(self, what: str, remedy: str | None = None) -> NoReturn:
        """Raise `CheckpointError`, because deepchord cannot compute the layer with this option."""
        end = f": {remedy}" if remedy else ""
        raise CheckpointError(f"{self._layer_text} {what}, which deepchord does not compute{end}.")

    def refuse_kind(self) -> NoReturn:
        """Raise `CheckpointError`, because deepchord has no such layer."""
        raise CheckpointError(f"{self._layer_text} is of a type that deepchord does not compute.")

    def get(self, *names: str, default: Any = None) -> Any:
        """Return an option by the first of its names that exists."""
        return _listed(next((self.values[name] for name in names if name in self.values), default))

    def shown(self, *names: str, default: Any = None) -> str:
        """Return an option as text for error messages."""
        return shortened(self.get(*names, default=default))

    def whole(self, *names: str) -> int:
        """Return a whole number."""
        found = self.get(*names)
        if isinstance(found, bool) or not isinstance(found, int):
            self.refuse(f"has {names[0]} {shortened(found)}")
        return found

    def number(self, *names: str, default: float) -> float:
        """Return a number."""
        found = self.get(*names, default=default)
        number = as_number(found)
        if number is None:
            self.refuse(f"has {names[0]} {shortened(found)}")
        return number

    def side(self, *names: str, default: Any = None) -> int:
        """Return the side of a square window, or a stride that is equal in both directions."""
        found = self.get(*names)
        sides = found if isinstance(found, Sequence) else [default if found is None else found]
        side = sides[0] if sides and all(each == sides[0] for each in sides) and len(sides) <= 2 else None
        if isinstance(side, bool) or not isinstance(side, int):
            self.refuse(f"has {names[0]} {shortened(found)}")
        return side

    def sides(self, *names: str, default: Any = None) -> int | tuple[int, int]:
        """Return the height and width of a window, or of a stride; one number if they are equal."""
        found = self.get(*names)
        sides = list(found) if isinstance(found, Sequence) and not isinstance(found, str) else [found]
        if len(sides) == 2 and sides[0] != sides[1] and all(type(side) is int for side in sides):
            return sides[0], sides[1]
        return self.side(*names, default=default)

    def padding(self) -> Any:
        """Return `same` or `valid`."""
        return self.one_of(_PADDINGS, "padding", "border_mode", default="valid")

    def activation(self) -> Any:
        """Return the name of the activation."""
        found = self.get("activation")
        if found == "hard_sigmoid" and self.keras_version is not None and self.keras_version[:2] in ("1.", "2."):
            # There it is a line of the slope 1/5; in Keras 3, and in all of our engines, one of the slope 1/6.
            self.refuse(f"has the activation 'hard_sigmoid' of Keras {label(self.keras_version)[:20]}")
        if isinstance(found, str) and found in _OTHER_NAMES:
            return _OTHER_NAMES[found]
        return "linear" if found is None else self.one_of(_ACTIVATIONS, "activation")

    def flag(self, *names: str, default: bool) -> bool:
        """Return whether an option is set."""
        found = self.get(*names, default=default)
        if not isinstance(found, bool):
            self.refuse(f"has {names[0]} {shortened(found)}")
        return found

    def only(self, allowed: tuple[Any, ...], *names: str) -> None:
        """Refuse an option that exists and has none of these values."""
        found = self.get(*names, default=allowed[0])
        found = tuple(found) if isinstance(found, list) else found
        if not any(found == value and type(found) is type(value) for value in allowed):
            self.refuse(f"has {names[0]} {shortened(found)}")

    def one_of(self, allowed: tuple[str, ...], *names: str, default: str | None = None) -> Any:
        """Return an option that has one of these values."""
        found = self.get(*names, default=default)
        if not isinstance(found, str) or found not in allowed:
            self.refuse(f"has the {names[0]} {shortened(found)}")
        return found

    @property
    def _layer_text(self) -> str:
        return f"{self.source}: its layer {self.name!r} ({label(self.kind)[:60]})"


def as_number(value: Any) -> float | None:
    """Return a number of a configuration; None if it is none, not finite, or an integer that no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer with hundreds of digits
        return None
    return number if math.isfinite(number) else None


def _listed(value: Any) -> Any:
    """Return tuples and arrays, which Keras writes as objects, as lists."""
    if isinstance(value, Mapping) and value.get("class_name") == "__tuple__":
        return value.get("items")
    if isinstance(value, Mapping) and value.get("class_name") == "__numpy__" and isinstance(value.get("config"), dict):
        return value["config"].get("value")
    return value
