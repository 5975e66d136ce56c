"""What a person may say about image files."""

from collections.abc import Callable
from dataclasses import dataclass

from deepchord.shared.files import LARGE_BYTES


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """How image files become arrays."""

    #: Height and width to which they are scaled; None: they must be of one size.
    image_size: tuple[int, int] | None = None
    #: Whether damaged ones are left out; otherwise they are refused.
    skip_damaged: bool = False
    #: Whether they have three channels, also if all of them are grey.
    in_colour: bool = False
    #: Is told how many were read, and how many there are.
    progress: Callable[[int, int], None] | None = None
    #: Larger arrays are not kept in memory: they stay in their files, or are written to temporary ones.
    memory_bytes: int = LARGE_BYTES
