"""Arguments and options that several commands take."""

from enum import StrEnum
from typing import Annotated

import typer

from deepchord.shared.errors import InputError

Source = Annotated[
    str,
    typer.Argument(
        metavar="ENSEMBLE",
        help="A run's id or `last`; a folder of `deepchord collect`; a file of `deepchord export`; a run's URL.",
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Where runs are: a folder, s3://bucket/prefix, or broker://. [DEEPCHORD_STORAGE]"),
]


class SetMethod(StrEnum):
    """The score by which a class gets into a prediction set; see `deepchord.shared.uncertainty.conformal_scores`."""

    LAC = "lac"
    APS = "aps"


class Fit(StrEnum):
    """What is done with images of another shape than the networks take."""

    NONE = "none"
    RESIZE = "resize"


def share(text: str | None, option: str) -> float | None:
    """Return a share that somebody wrote as `1%` or `0.01`.

    Args:
        text: What was written; None: nothing.
        option: What the option is called, for the error.

    Raises:
        InputError: It is no number between 0 and 1.
    """
    if text is None:
        return None
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise InputError(f"{option} is {text!r}; expected a share such as 1% or 0.01.")
    return value
