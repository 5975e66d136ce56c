"""What the networks take, and what whoever gave it should be warned of: as data, for warnings go by process."""

import warnings
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Converted:
    """Images or rows as the networks take them."""

    #: [images, height, width, channels], uint8 or float32; of rows [rows, features], float32.
    values: NDArray[Any]
    #: Sentences about them.
    warnings: tuple[str, ...] = ()


def warn_of(sentences: tuple[str, ...], stacklevel: int = 2) -> None:
    """Warn of sentences, as Python does.

    Args:
        sentences: Of a `Converted`.
        stacklevel: Whose line is told, as `warnings.warn` counts: 2 is whoever calls this function.
    """
    for sentence in sentences:
        warnings.warn(sentence, UserWarning, stacklevel=stacklevel + 1)
