"""Finds out what somebody means by a run, a URL, a folder or a file."""

import os
import re
from pathlib import Path

from deepchord.ensemble.sources.collected_folder import members_of_folder
from deepchord.ensemble.sources.exported_file import ExportedModel, read_exported
from deepchord.ensemble.sources.members import EnsembleMembers
from deepchord.shared.checkpoints import DESCRIPTION_FILE
from deepchord.shared.command_line import printable_path, user_path
from deepchord.shared.errors import InputError

#: A URL or a folder of a run within its storage.
_RUN_IN_STORAGE = re.compile(r"(?P<storage>.+)/runs/(?P<run>[a-z0-9][a-z0-9-]*)/?")


def find_source(source: str | Path, storage: str | None = None) -> EnsembleMembers | ExportedModel:
    """Return the ensemble that is meant.

    Args:
        source: A run's id, or `last` for the last that was evaluated; the URL of a storage (its last run) or of a run
            in it (`…/runs/ID`); a folder: a storage, a run in it, or what `deepchord collect` wrote; or a file of
            `deepchord export`.
        storage: Where runs are, if `source` is a run's id or `last`; None: the storage of the settings.

    Raises:
        InputError: There is no such ensemble, or its run has not ended.
        RunNotFoundError: There is no such run.
        StorageError: The storage cannot be reached, or something in it is damaged.
    """
    text = os.fspath(source)
    if "://" in text:
        _refuse_storage(storage, text)
        return _in_storage(text)
    path = user_path(text)
    if path.is_dir() and not (isinstance(source, str) and text == "last"):
        _refuse_storage(storage, text)
        return _in_folder(path)
    if isinstance(source, Path) or path.is_file() or path.suffix == ".onnx":
        _refuse_storage(storage, text)
        return read_exported(path)
    return _of_run(storage, text)


def _refuse_storage(storage: str | None, text: str) -> None:
    if storage is not None:
        raise InputError(
            f"{printable_path(text)} tells where it lies, so no storage may be given with it; a storage goes with a "
            "run's id or `last`."
        )


def _in_folder(folder: Path) -> EnsembleMembers:
    if (folder / DESCRIPTION_FILE).is_file():
        return members_of_folder(folder)
    absolute = folder.absolute()
    if (absolute / "runs").is_dir() or (absolute.parent.name == "runs" and (absolute / "run.json").is_file()):
        return _in_storage(str(absolute))
    raise InputError(
        f"{printable_path(folder)} holds no ensemble: expected a folder of `deepchord collect` (with "
        f"{DESCRIPTION_FILE}), a storage (with a folder runs), or a run in it. Folders that were collected by an "
        "earlier version have to be collected once more."
    )


def _in_storage(text: str) -> EnsembleMembers:
    found = _RUN_IN_STORAGE.fullmatch(text)
    return _of_run(found["storage"], found["run"]) if found else _of_run(text, "last")


def _of_run(storage: str | None, name: str) -> EnsembleMembers:
    # An exported file or a folder needs neither settings nor storage, and is there sooner without them.
    from deepchord.ensemble.sources.stored_run import members_of_run
    from deepchord.shared.settings import load_settings
    from deepchord.shared.storage import RunStore

    settings = load_settings(storage=storage)
    store = RunStore.open(settings)
    run = store.find(name) if name != "last" else store.last_evaluated() or store.find(name)
    return members_of_run(settings, store, run)
