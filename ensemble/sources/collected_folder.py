"""The members in a folder that `deepchord collect` or `Ensemble.save` wrote."""

from pathlib import Path

from deepchord.ensemble.sources.members import EnsembleMembers
from deepchord.shared.checkpoints import DESCRIPTION_FILE, weights_file
from deepchord.shared.command_line import printable_path
from deepchord.shared.errors import InputError
from deepchord.shared.files import MAX_DESCRIPTION_BYTES, check_regular, read_short_text
from deepchord.shared.messages import DescribedMember, EnsembleDescription


def members_of_folder(folder: Path) -> EnsembleMembers:
    """Return the members in a folder.

    Raises:
        InputError: Its description cannot be read.
        MessageDecodeError: Its description is not valid.
    """
    described = folder / DESCRIPTION_FILE
    try:
        text = read_short_text(described, MAX_DESCRIPTION_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{printable_path(described)} cannot be read: {reason}. Collect the run once more.") from error

    def read(member: DescribedMember) -> bytes:
        path = folder / weights_file(member.index)
        try:
            check_regular(path)
            return path.read_bytes()
        except OSError as error:
            raise InputError(
                f"{printable_path(path)} cannot be read: {error.strerror}. Collect the run once more."
            ) from error

    description = EnsembleDescription.decode(text, printable_path(described))
    return EnsembleMembers(description=description, place=printable_path(folder), read=read)
