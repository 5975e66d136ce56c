"""What one look at each image of a data set tells, so that images which lie on a disk are read once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.examination.fingerprints import fingerprints
from deepchord.shared.files import pieces

if TYPE_CHECKING:
    from deepchord.shared.datasets.dataset import Dataset


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """Of the images, or the rows of a table, for training or for the test."""

    #: A number for each, [size]; equal ones have equal numbers.
    fingerprints: NDArray[np.uint64]
    #: The lowest and highest value of all.
    lowest: float
    highest: float
    #: How many are of one value all over, and how many of them are 0.
    constant: int
    black: int

    @property
    def largest(self) -> float:
        """The largest distance of a value from 0."""
        return max(abs(self.lowest), abs(self.highest))


def survey(images: NDArray[Any]) -> Survey:
    """Return what images tell, [size, …], read once, a piece at a time."""
    numbers, lowest, highest = [], [], []
    for part in pieces(images):
        piece = np.ascontiguousarray(images[part])
        rows = piece.reshape(len(piece), -1)
        numbers.append(fingerprints(piece))
        lowest.append(rows.min(axis=1))
        highest.append(rows.max(axis=1))
    low, high = np.concatenate(lowest), np.concatenate(highest)
    return Survey(
        fingerprints=np.concatenate(numbers),
        lowest=float(low.min()),
        highest=float(high.max()),
        constant=int((low == high).sum()),
        black=int(((low == 0) & (high == 0)).sum()),
    )


def survey_both(dataset: "Dataset") -> tuple[Survey, Survey]:
    """Return what the images for training and those for the test tell."""
    return survey(dataset.x_train), survey(dataset.x_test)
