"""Checks whether results can be written, before anything is trained or evaluated."""

import os
import shlex
from pathlib import Path

from deepchord.shared.errors import InputError
from deepchord.shared.settings.container_paths import path_on_host
from deepchord.shared.settings.settings import Settings


def check_folder(folder: Path, settings: Settings) -> None:
    """Raise if a folder can neither be written nor be made; nothing is made.

    Args:
        folder: Where results are to go.
        settings: If this is a container, they hold the folder's name on the host.

    Raises:
        InputError: The folder cannot be written.
    """
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.exists(path))  # noqa: PTH110  Path.exists raises where a folder may not be entered
    if not existing.is_dir():
        raise InputError(f"Results cannot be written to {folder}: {existing} is no folder; give another with --out.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(
            f"Results cannot be written to {folder}: {existing} cannot be written by this user; "
            f"{_remedy(existing, settings)}."
        )


def _remedy(existing: Path, settings: Settings) -> str:
    shown = path_on_host(existing, settings)
    if settings.results_on_host is None or shown == existing.resolve():
        return "give another folder with --out"
    user = f"{os.getuid()}:{os.getgid()}"
    return (
        f"on the host, `sudo chown {user} {shlex.quote(str(shown))}` gives it to the user of this container, or put "
        "its owner into .env as DEEPCHORD_UID and DEEPCHORD_GID"
    )
