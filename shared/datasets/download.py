"""Downloads the files of data sets that anybody can read; what they hold is checked by whoever reads them."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path

from deepchord.shared.errors import DatasetError

#: Where Keras keeps its data sets, too.
ADDRESS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"

#: For so long nothing may arrive.
_SILENCE_S = 60.0


def download(address: str, files: tuple[str, ...], target: Path) -> None:
    """Download files into a folder.

    Args:
        address: The URL of the folder that they all lie in.
        files: Where they are put below `target`; the last part of each is its name at the address.
        target: The folder; it is made.

    Raises:
        DatasetError: A file did not arrive; the reason in one line.
    """
    for file in files:
        path = target / file
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # What the address is, is ours to say: ADDRESS.
            with urllib.request.urlopen(f"{address}/{path.name}", timeout=_SILENCE_S) as answer:  # noqa: S310
                path.write_bytes(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            raise DatasetError(f"{path.name}: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise DatasetError(f"{path.name}: {str(reason) or repr(reason)}") from error
