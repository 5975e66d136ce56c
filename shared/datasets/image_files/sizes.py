"""Whether all image files of a list have one size, and which one would suit them if they do not."""

import contextlib
import statistics
from collections import Counter
from collections.abc import Iterable

from deepchord.shared.datasets.image_files.listing import EncodedImage
from deepchord.shared.errors import DatasetError, InputError
from deepchord.shared.images import picture_size

#: Sides that are proposed: the largest one that most images have.
_PROPOSED = (224, 128, 96, 64, 48, 32, 28, 16)
#: So many sizes are told.
_TOLD = 3

Size = tuple[int, int]


def check_one_size(images: Iterable[EncodedImage], source: str) -> Size:
    """Return the size of all images, apart from damaged ones; 1x1 if all are damaged.

    Args:
        images: The images.
        source: Where they were found, for the error.

    Raises:
        DatasetError: They have several sizes.
    """
    sizes: Counter[Size] = Counter()
    for image in images:
        with contextlib.suppress(InputError, MemoryError):  # why, says who unpacks it
            sizes[picture_size(image.content, image.name)] += 1
    if len(sizes) > 1:
        raise DatasetError(_several(sizes, source))
    return next(iter(sizes), (1, 1))


def proposed_size(sizes: Counter[Size]) -> int:
    """Return a side in pixels to which images of these sizes may be scaled: hardly any is enlarged."""
    median = statistics.median(min(size) for size in sizes.elements())
    return next((side for side in _PROPOSED if side <= min(median, 128)), _PROPOSED[-1])


def _several(sizes: Counter[Size], source: str) -> str:
    told = ", ".join(f"{height}x{width} ({count:,})" for (height, width), count in sizes.most_common(_TOLD))
    more = f" and {len(sizes) - _TOLD:,} more sizes" if len(sizes) > _TOLD else ""
    side = proposed_size(sizes)
    return (
        f"The images of {source} are of {len(sizes):,} sizes (height x width): {told}{more}. Networks take one: "
        f"--image-size {side}, for example, scales each to {side}x{side} pixels (in a recipe: image_size = {side})."
    )
