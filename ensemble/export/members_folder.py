"""The members of an ensemble as a folder: their weights, and what the ensemble is."""

from pathlib import Path

from deepchord.ensemble.sources import EnsembleMembers
from deepchord.shared.checkpoints import DESCRIPTION_FILE, weights_file
from deepchord.shared.files import refuse_unwritable


def save_members(source: EnsembleMembers, folder: Path) -> Path:
    """Write the members into a folder, one in memory at a time; the description comes last. Return the folder.

    Raises:
        InputError: The folder cannot be written.
        StorageError: Weights cannot be read, or are damaged.
    """
    with refuse_unwritable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DESCRIPTION_FILE).unlink(missing_ok=True)
        for member in source.description.members:
            (folder / weights_file(member.index)).write_bytes(source.file(member))
        (folder / DESCRIPTION_FILE).write_bytes(source.description.encode())
    return folder
