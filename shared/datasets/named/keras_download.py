"""Runs the data set functions of Keras in another process, so that deepchord needs no Keras and unpickles nothing."""

import importlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deepchord.shared.errors import DatasetError
from deepchord.shared.process import run_function

#: The download is given up when the server does not answer for this long.
_ANSWERS_WITHIN_S = 60.0


@dataclass(frozen=True, kw_only=True)
class KerasProcess:
    """Runs Keras in another process, with this Python and the Keras that is installed for it."""

    #: The environment of the process; None: that of this process.
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    #: The process is killed after this many seconds.
    timeout_s: float = 900.0

    def load(self, name: str, home: Path) -> Path:
        """Run `keras.datasets.<name>.load_data()`, which downloads the files that are missing in the home.

        Args:
            name: The module in `keras.datasets`.
            home: The folder to use as `KERAS_HOME`; the download stays in its folder `datasets`.

        Returns:
            The path of an `.npz` with `x_train`, `y_train`, `x_test` and `y_test`, in the home.

        Raises:
            DatasetError: There is no Keras 3, it failed, or it took too long; the message is the reason in one line.
        """
        target = home / f"{name}.npz"
        ended = run_function(
            save_arrays, str(home), name, str(target), environment=self.environment, within_s=self.timeout_s
        )
        if ended.code is None:
            raise DatasetError(f"Keras did not finish within {self.timeout_s:g} s")
        if ended.code != 0:
            raise DatasetError(ended.last_error or f"Keras ended with the exit status {ended.code}")
        return target


def save_arrays(home: str, name: str, target: str) -> None:
    """Save the result of `keras.datasets.<name>.load_data()`; runs in the process that `KerasProcess.load` starts.

    The NumPy backend of Keras loads no framework. The home is a temporary folder, so that Keras writes no settings file
    into the user's home, and an interrupted download leaves no incomplete file there.
    """
    os.environ.update(KERAS_HOME=home, KERAS_BACKEND="numpy")
    socket.setdefaulttimeout(_ANSWERS_WITHIN_S)
    try:
        keras = importlib.import_module("keras")
    except Exception as error:  # noqa: BLE001  a broken installation may raise anything
        sys.exit(f"Keras cannot be imported: {error}")
    if int(keras.__version__.split(".")[0]) < 3:
        sys.exit(f"Keras 3 is needed, found {keras.__version__}")
    try:
        (x_train, y_train), (x_test, y_test) = importlib.import_module(f"keras.datasets.{name}").load_data()
    except Exception as error:  # noqa: BLE001  errors of Keras, the network or the disk
        sys.exit(str(error) or repr(error))
    import numpy as np

    np.savez(target, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


def keep_download(files: tuple[str, ...], source: Path, keras_datasets: Path) -> None:
    """Copy downloaded files into the user's Keras home; each file appears complete or not at all.

    Args:
        files: The paths of the files relative to both folders; missing files are skipped.
        source: The `datasets` folder of the download.
        keras_datasets: The `datasets` folder of the user's Keras home.

    Raises:
        OSError: The folder cannot be written.
    """
    for name in files:
        if (source / name).is_file():
            kept = keras_datasets / name
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".writing-") as folder:
                shutil.copyfile(source / name, Path(folder) / kept.name).replace(kept)
