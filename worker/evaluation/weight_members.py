"""Weight files as the members of an ensemble, each with its network; needs neither broker nor storage."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepchord.shared.checkpoints import Weights
from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import InputError
from deepchord.shared.network import ResolvedArchitecture, Shape, notebook_architecture
from deepchord.shared.saved_models import SavedNetwork, check_scaled, read_network, read_weights
from deepchord.shared.saved_models.network_files import load_network
from deepchord.worker.evaluation.candidates import Candidate
from deepchord.worker.evaluation.weight_files import distinct, find_weight_files

#: How many files a note names.
_MAX_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Group:
    """The files that one pattern matches."""

    files: tuple[Path, ...]
    #: The file that describes their network; None: each file describes its own, or it is the notebook's.
    architecture: Path | None


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """A weight file of an ensemble, and its network."""

    path: Path
    network: ResolvedArchitecture
    #: Whether it was read as channels first; a file that says its order itself is read in that order.
    channels_first: bool
    #: What was changed in its weights and its network, as clauses.
    notes: tuple[str, ...]
    #: Whether the saved network divided its images by 255; `network` does not.
    rescales: bool = False


def find_groups(patterns: Sequence[str], architectures: Sequence[Path]) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """Return the files that patterns match, each file once, and notes about files that are left out.

    Args:
        patterns: See `find_weight_files`.
        architectures: No file; one for all patterns; or one for each pattern, in their order.

    Raises:
        InputError: A pattern matches nothing, or there is another number of architectures.
    """
    if len(architectures) not in (0, 1, len(patterns)):
        raise InputError(
            f"--architecture is given {len(architectures)} times and --weights {len(patterns)} times; give one "
            "--architecture for all, or one for each --weights, in their order."
        )
    of_patterns = list(architectures) if len(architectures) > 1 else [next(iter(architectures), None)] * len(patterns)
    matches = [find_weight_files(pattern) for pattern in patterns]
    once, repeated = distinct(file for match in matches for file in match.files)
    groups, taken = [], set[Path]()
    for match, architecture in zip(matches, of_patterns, strict=True):
        files = tuple(file for file in match.files if file in once and file not in taken)
        taken.update(files)
        groups.append(Group(files=files, architecture=architecture))
    return tuple(groups), (*(note for match in matches for note in match.notes), *repeated)


def read_members(
    groups: Sequence[Group], images: Shape, classes: int, *, channels_first: bool = False
) -> tuple[WeightFile, ...]:
    """Return all files with their networks, after reading each file once to check that it fits.

    Args:
        groups: As `find_groups` returns them.
        images: Height, width and channels of an image.
        classes: How many classes the data set has.
        channels_first: Whether files without a description of their network are channels first.

    Raises:
        CheckpointError: A file is damaged or does not fit its network; the message names it.
        InputError: A network does not fit the images.
    """
    members = []
    for group in groups:
        given = load_network(group.architecture, images) if group.architecture is not None else None
        for file in group.files:
            saved = given or read_network(file, images)
            network = _resolved(file, saved, images, classes)
            members.append(_member(file, saved, network, channels_first))
    return tuple(members)


def check_images(files: Sequence[WeightFile], data: Dataset) -> None:
    """Raise `InputError` if a saved network divided its images by 255, and these images are floats outside of 0..1.

    Args:
        files: The members.
        data: deepchord divides images of whole numbers by 255, and uses floats as they are.
    """
    rescaling = next((file for file in files if file.rescales), None)
    if rescaling is not None:
        check_scaled(printable_path(rescaling.path), data.name, (data.x_train, data.x_test))


def _member(file: Path, saved: SavedNetwork | None, network: ResolvedArchitecture, channels_first: bool) -> WeightFile:
    read = read_weights(file, network, channels_first=channels_first)
    notes = dict.fromkeys((*read.notes, *(saved.notes if saved else ())))
    return WeightFile(
        path=file,
        network=network,
        channels_first=channels_first,
        notes=tuple(notes),
        rescales=read.rescales or (saved is not None and saved.rescales),
    )


def _resolved(file: Path, saved: SavedNetwork | None, images: Shape, classes: int) -> ResolvedArchitecture:
    """Return the network for the images: the described one, else the notebook's."""
    try:
        architecture = saved.architecture if saved else notebook_architecture()
        return architecture.resolve(input_shape=images, classes=classes)
    except InputError as error:
        if saved is None:
            raise InputError(
                f"{printable_path(file)} does not tell its network, and the notebook's does not fit the images "
                f"({error}) "
                "Give the network that it was trained with (--architecture file.toml)."
            ) from error
        raise InputError(f"{printable_path(file)} cannot be evaluated: {error}") from error


def weight_candidates(files: Sequence[WeightFile]) -> tuple[Candidate, ...]:
    """Return files as members, which are read again when their turn comes; sorted by network."""

    def read(file: WeightFile) -> Weights:
        return read_weights(file.path, file.network, channels_first=file.channels_first).weights

    networks = list(dict.fromkeys(file.network for file in files))
    ordered = sorted(enumerate(files), key=lambda each: networks.index(each[1].network))
    return tuple(
        Candidate(index=index, weights=lambda file=file: read(file), network=file.network)  # type: ignore[misc]  # the default binds it
        for index, file in ordered
    )


def weight_notes(files: Sequence[WeightFile]) -> tuple[str, ...]:
    """Return notes about what was changed in files; equal notes are merged."""
    paths_by_note: dict[str, list[str]] = {}
    for file in files:
        for note in file.notes:
            paths_by_note.setdefault(note, []).append(printable_path(file.path))
    return tuple(
        f"{_listed(paths)}: each {note}" if len(paths) > 1 else f"{paths[0]} {note}"
        for note, paths in paths_by_note.items()
    )


def _listed(paths: Sequence[str]) -> str:
    more = len(paths) - _MAX_NAMED
    return ", ".join(paths[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
