"""Downloads the files of public data sets; the code that reads the files checks their content."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path

from deepchord.shared.errors import DatasetError

#: The folder with the files; Keras uses the same one.
ADDRESS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"

#: The download is given up when no data arrives for this long.
_TIMEOUT_S = 60.0


def download(address: str, files: tuple[str, ...], target: Path) -> None:
    """Download files into a folder.

    Args:
        address: The URL of the folder with the files.
        files: The paths of the files relative to `target`; the last part of each is its name at the address.
        target: The folder to download into; it is created.

    Raises:
        DatasetError: A file could not be downloaded; the message is the reason in one line.
    """
    for file in files:
        path = target / file
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with urllib.request.urlopen(f"{address}/{path.name}", timeout=_TIMEOUT_S) as answer:  # noqa: S310  it is ADDRESS
                path.write_bytes(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            raise DatasetError(f"{path.name}: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise DatasetError(f"{path.name}: {str(reason) or repr(reason)}") from error
