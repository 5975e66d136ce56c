"""What is predicted together: some images or rows; and those that could not be read."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from deepchord.shared.errors import DeepchordError

#: How many images or rows are predicted together.
LOT = 512
#: Standard input.
STDIN = "-"
#: The beginning of an `.npz`.
ZIP = b"PK\x03\x04"


@dataclass(frozen=True, kw_only=True, eq=False)
class Lot:
    """Some images or rows that can be predicted together."""

    names: tuple[str, ...]
    #: [images, height, width, channels], uint8 or float32; of rows [rows, features], float32.
    pixels: NDArray[Any]
    #: int64 [images], class indices, -1 where there is none; or the actual numbers, float64 [images, targets], NaN
    #: where one is not known; None: none of all images has a label.
    labels: NDArray[Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """An image that could not be read, and why."""

    name: str
    error: DeepchordError
