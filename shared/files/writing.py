"""Writes files aside, so that nobody ever sees half of one, and says in a sentence why one cannot be written."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepchord.shared.command_line import printable_path
from deepchord.shared.errors import InputError


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; the file gets its name when the block ends well.

    Raises:
        InputError: It cannot be written.
    """
    # The ending stays: Keras looks at it.
    aside = path.with_name(f".writing-{secrets.token_hex(4)}-{path.name}")
    with refuse_unwritable(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield aside
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)


@contextmanager
def refuse_unwritable(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into an `InputError` that names the path."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{printable_path(path)} cannot be written: {error.strerror or error}. Give another place."
        ) from error
