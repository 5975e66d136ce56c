"""A Keras model of a Python program as a network and starting weights; Keras itself is never imported here."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deepchord.shared.errors import InputError

#: What a model must have to be written: those of Keras 2 and 3 do.
_METHODS = ("save", "get_weights", "get_config")


@contextmanager
def model_as_file(model: Any | None) -> Iterator[Path | None]:
    """Yield a file with the configuration and the weights of a model, for as long as the block lasts.

    The model writes itself, and what it wrote is read as any other file: its arrays and its configuration, no code.

    Args:
        model: A `keras.Model`; None: nothing is written, and None yielded.

    Raises:
        InputError: It is no model, or cannot be saved.
    """
    if model is None:
        yield None
        return
    if not all(callable(getattr(model, name, None)) for name in _METHODS):
        raise InputError(
            f"network is of the type {type(model).__name__}; expected a keras.Model or an Architecture. A file is "
            "named by architecture."
        )
    name = "".join(letter if letter.isalnum() else "_" for letter in str(getattr(model, "name", "model")))[:60]
    with TemporaryDirectory(prefix="deepchord-") as folder:
        file = Path(folder, f"{name}.keras")
        try:
            model.save(file)
        except Exception as error:  # whatever the layers of a program raise
            raise InputError(f"The model given as network cannot be saved by Keras: {error}") from error
        yield file


def initial_options(asked: str | os.PathLike[str] | bool | None, file: Path | None) -> dict[str, Any]:
    """Return the options that name the file of a model, and where the starting weights come from.

    Args:
        asked: The option `initial_weights`: a path; True: the model's own; None and False: random ones.
        file: The file of the model; None: none was given.

    Raises:
        InputError: The weights of a model are asked for, and none was given.
    """
    options: dict[str, Any] = {} if file is None else {"architecture": str(file)}
    if asked is True:
        if file is None:
            raise InputError("initial_weights=True takes those of a keras.Model: give it as network, or give a path.")
        return options | {"initial_weights": str(file)}
    return options | {"initial_weights": None if asked is None or asked is False else os.fspath(asked)}
