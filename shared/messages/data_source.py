"""How a data set was made from files, and what was noticed about it; stored in its description."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from deepchord.shared.validation import Message


class ImageFiles(Message):
    """How image files became the images of a data set; files that are predicted later are converted in the same way."""

    #: Whether they were scaled to one size, which is that of the data set's images.
    scaled: bool
    #: How many damaged files were left out, as was asked for.
    skipped: NonNegativeInt = 0


class StratifiedSplit(Message):
    """Test images that were drawn at random, because none were given: about this share of each class."""

    share: Annotated[float, Field(gt=0.0, lt=1.0)]
    seed: NonNegativeInt


class DatasetFinding(Message):
    """Something about a data set that its user should know."""

    #: What it is about, for programs: `overlap`, `duplicates` …
    kind: str
    #: A note says what was done; a warning, that results may mislead.
    level: Literal["warning", "note"]
    #: A sentence: what was found, and what deepchord does about it.
    text: str
