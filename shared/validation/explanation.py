"""Turns validation errors into one clear sentence, with the most similar valid name."""

import difflib
from collections.abc import Iterable

from pydantic import ValidationError

#: The type of the validation error for a message of another protocol.
OTHER_PROTOCOL = "other_protocol"
#: So many valid names are listed.
_MOST_LISTED = 100


def suggestion(name: str, valid: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` with the most similar valid name, or the list of valid names if none is similar."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    listed = ", ".join(each if each.isprintable() and each else repr(each) for each in names[:_MOST_LISTED])
    return f"; valid are {listed}" + (f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else "")


def with_full_stop(sentence: str) -> str:
    """Return a sentence with a full stop, unless it already ends with one, or with the question of `suggestion`."""
    return sentence if sentence.endswith(("?", ".")) else f"{sentence}."


def explain(error: ValidationError) -> str:
    """Return the first problem of a validation error as one clause that names its field."""
    first = error.errors(include_url=False)[0]
    # Which of several types a value could have had is no part of its place.
    place = ".".join(str(part) for part in first["loc"] if not str(part).startswith(_ALTERNATIVES))
    message = first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
    given = "" if first["type"] in _SELF_EXPLAINING else f", found {shortened(first['input'])}"
    return f"{place}: {message}{given}" if place else f"{message}{given}"


def shortened(value: object) -> str:
    """Return a value of any size and depth in at most 60 characters, for error messages."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, or deeply nested lists
        return "something far too long"
    return text if len(text) <= 60 else text[:57] + "..."


#: How pydantic names the alternatives of a field that takes a number or a word.
_ALTERNATIVES = ("constrained-", "literal[")
#: Types of errors whose message needs no `found …`.
_SELF_EXPLAINING = {OTHER_PROTOCOL, "unknown_option", "value_error", "missing", "json_invalid"}
