"""What a person may say about files that are to become a data set."""

import os
from dataclasses import dataclass
from pathlib import Path

from deepchord.shared.command_line import printable_path, user_path
from deepchord.shared.datasets.image_files import PictureOptions
from deepchord.shared.errors import DatasetError, InputError
from deepchord.shared.network import Task

#: The share of the images that only score, if no test images are given.
TEST_SHARE = 0.2
#: The longest side that image files are scaled to; networks for larger images do not fit into any memory here.
MAX_SIDE = 4096


@dataclass(frozen=True, kw_only=True)
class FileOptions(PictureOptions):
    """How files become a data set."""

    #: The share of the images that are kept for the test if no test images are given, and the seed that draws them.
    test_share: float = TEST_SHARE
    split_seed: int = 0
    #: The path of the test, if it is another one.
    test: str | None = None
    #: The column of a table that is predicted, or several with commas between them; None: one with a usual name, or
    #: else the last.
    target: str | None = None
    #: Whether the first line of a CSV file names its columns; None: what it looks like.
    header: bool | None = None
    #: What is predicted; None: what the values look like.
    task: Task | None = None

    def test_path(self) -> Path:
        """Return the path of the test, which is another one; raise `DatasetError` if there is nothing.

        A missing file is not left to who reads it, because that is taken for a missing data set.
        """
        path = user_path(self.test or "")
        if not os.path.exists(path):  # noqa: PTH110  false where Path.exists raises
            raise DatasetError(
                f"There is no file {printable_path(path)}, which was given with --test: expected images or rows that "
                "only score."
            )
        return path


def parse_size(text: str) -> tuple[int, int]:
    """Return height and width from `64` or `48x64`.

    Raises:
        InputError: It is neither.
    """
    sides = text.lower().replace("\u00d7", "x").split("x")
    numbers = [int(side) for side in sides if side.isascii() and side.isdigit() and len(side) < 6]
    if len(numbers) != len(sides) or len(sides) > 2 or not all(0 < number <= MAX_SIDE for number in numbers):
        raise InputError(
            f"expected a number of pixels, 64, or height and width, 48x64, each from 1 to {MAX_SIDE}, found {text!r}"
        )
    return numbers[0], numbers[-1]
