"""Weight files that people have from years ago, evaluated as one ensemble; needs neither broker nor storage."""

import glob
import os
import re
from pathlib import Path

from shared.architecture import Architecture
from shared.checkpoint import Weights, decode_checkpoint
from shared.errors import CheckpointError, InputError
from worker.ensemble import Candidate


def find_weight_files(pattern: str) -> tuple[Path, ...]:
    """Return the files that a shell pattern, a file name or a folder names, in the order of the numbers in them.

    Raises:
        InputError: There are none.
    """
    path = Path(os.path.expanduser(pattern))  # noqa: PTH111  leaves an unknown ~user as it is
    if path.is_dir():
        found = [*path.glob("*.h5"), *path.glob("*.hdf5")]
    elif path.is_file():  # its name may hold brackets
        found = [path]
    else:
        found = [Path(name) for name in glob.glob(str(path))]  # noqa: PTH207 - Path.glob takes no absolute pattern
    files = [file for file in found if file.is_file()]
    if not files:
        raise InputError(
            f"No weight file fits {pattern!r}; give a folder, a file or a pattern in quotes, like 'old/*.hdf5'."
        )
    return tuple(sorted(files, key=_natural))


def weight_candidates(
    files: tuple[Path, ...], architecture: Architecture, input_shape: tuple[int, ...], classes: int
) -> tuple[Candidate, ...]:
    """Return the files as members, all checked now and read again when it is their turn.

    Raises:
        CheckpointError: A file is damaged or does not fit the network; it is named.
        InputError: The network does not fit the images.
    """
    resolved = architecture.resolve(input_shape=input_shape, classes=classes)

    def read(file: Path) -> Weights:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{file} cannot be read: {error.strerror}.") from error
        return decode_checkpoint(data, resolved, str(file))

    for file in files:
        read(file)
    return tuple(
        Candidate(index=index, weights=lambda file=file: read(file))  # type: ignore[misc]
        for index, file in enumerate(files)
    )


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort `weights_10` behind `weights_9`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", str(path))]
