"""Copies of data sets of one file in this host's cache, which spare workers a transfer for each member."""

import hashlib
import logging
import tempfile
from pathlib import Path

from deepchord.shared.files import check_regular

logger = logging.getLogger(__name__)


def cached_file(copy: Path, sha256: str) -> bytes | None:
    """Return the bytes of a copy; None if there is none with this SHA-256, which is logged if there is another."""
    try:
        check_regular(copy)
        data = copy.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        logger.warning(
            "The cached data set %s cannot be read (%s); it is fetched from storage.",
            copy,
            error.strerror,
            extra={"action": "dataset_cache_unreadable"},
        )
        return None
    if hashlib.sha256(data).hexdigest() == sha256:
        return data
    logger.warning(
        "The cached data set %s is damaged; it is fetched from storage again.",
        copy,
        extra={"action": "dataset_cache_damaged"},
    )
    return None


def keep_file(copy: Path, data: bytes) -> None:
    """Write the copy aside and rename it, so that other workers on this host never see an incomplete file."""
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copy.parent, prefix=".writing-") as folder:
            aside = Path(folder) / copy.name
            aside.write_bytes(data)
            aside.replace(copy)
    except OSError as error:
        logger.warning(
            "The data set cannot be cached in %s (%s); it will be fetched from storage each time.",
            copy.parent,
            error.strerror,
            extra={"action": "dataset_not_cached"},
        )
