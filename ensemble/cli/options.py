"""Arguments and options that several commands take."""

from enum import StrEnum
from typing import Annotated

import typer

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
