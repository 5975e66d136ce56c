"""Opens the storage of the settings; the scheme of its URL decides which kind it is."""

import os
from pathlib import Path
from urllib.parse import unquote

from deepchord.shared.errors import InputError
from deepchord.shared.settings import Settings
from deepchord.shared.storage.folder import FolderStore
from deepchord.shared.storage.object_store import BROKER_STORAGE, ObjectStore
from deepchord.shared.storage.retrying_store import RetryingStore
from deepchord.shared.storage.s3_store import S3Store


def open_object_store(settings: Settings, *, retrying: bool = True) -> ObjectStore:
    """Return the storage of the settings.

    Args:
        settings: Where the storage is.
        retrying: Whether to retry temporary errors; otherwise the first error is raised, for callers that must answer
            soon.

    Raises:
        InputError: The scheme is not known, the URL is not valid, or a package is missing.
    """
    objects = _open(settings)
    return RetryingStore(objects) if retrying else objects


def _open(settings: Settings) -> ObjectStore:
    scheme, separator, rest = settings.storage.partition("://")
    if not separator or scheme == "file":
        return _open_folder(settings.storage, rest if separator else None)
    if scheme == "s3":
        return S3Store(settings.storage, settings.ca_file)
    if scheme == BROKER_STORAGE:
        from deepchord.shared.storage.broker_store import (
            open_broker_store,  # imported here, because the other storages need no Redis
        )

        return open_broker_store(settings)
    raise InputError(
        f"Storage {scheme}:// is not known: give a folder, as a path or as file:///folder, "
        f"s3://bucket/prefix, or {BROKER_STORAGE}:// for the broker itself."
    )


def _open_folder(url: str, rest: str | None) -> ObjectStore:
    if rest is None:
        return FolderStore(Path(os.path.expanduser(url)).absolute())  # noqa: PTH111  leaves an unknown ~user as it is
    path = rest.removeprefix("localhost")
    if not path.startswith("/"):
        raise InputError(f"Storage {url} names a folder on another host: give file:///folder, the same on all hosts.")
    return FolderStore(Path(unquote(path)))
