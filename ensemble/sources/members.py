"""The members of a finished ensemble with their weights, wherever they lie."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from deepchord.shared.checkpoints import Weights, decode_checkpoint
from deepchord.shared.errors import CorruptObjectError
from deepchord.shared.messages import DescribedMember, EnsembleDescription
from deepchord.shared.network import ResolvedArchitecture

if TYPE_CHECKING:
    from deepchord.shared.datasets import Dataset


@dataclass(frozen=True, kw_only=True, eq=False)
class EnsembleMembers:
    """The members of an ensemble; their weights are read when they are asked for."""

    description: EnsembleDescription
    #: Where they lie, for people.
    place: str
    #: Returns the bytes of a member's weights, HDF5.
    read: Callable[[DescribedMember], bytes]
    #: Returns the data set of the run; None: it is not there.
    dataset: "Callable[[], Dataset] | None" = None

    @cached_property
    def network(self) -> ResolvedArchitecture:
        """The network of all members, with its shapes."""
        dataset = self.description.dataset
        return dataset.network(self.description.architecture)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the content: all weights, so that no storage is needed to load it."""
        files = {member.index: self.file(member) for member in self.description.members}
        return _members_of_files, (self.description, self.place, files)

    def file(self, member: DescribedMember) -> bytes:
        """Return the file with a member's weights, HDF5; raise `CorruptObjectError` unless it has its SHA-256."""
        data = self.read(member)
        if hashlib.sha256(data).hexdigest() != member.weights_sha256:
            raise CorruptObjectError(
                f"The weights of member {member.index} in {self.place} are damaged: expected the SHA-256 "
                f"{member.weights_sha256[:12]}…, found another one. Restore them from a copy."
            )
        return data

    def weights(self, member: DescribedMember) -> Weights:
        """Return a member's weights; see `file` for the error."""
        return decode_checkpoint(self.file(member), self.network, f"weights of member {member.index} in {self.place}")

    def all_weights(self) -> Iterator[Weights]:
        """Yield the weights of each member, in the order of the description."""
        return map(self.weights, self.description.members)


def _members_of_files(description: EnsembleDescription, place: str, files: dict[int, bytes]) -> EnsembleMembers:
    return EnsembleMembers(description=description, place=place, read=lambda member: files[member.index])
