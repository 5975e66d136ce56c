"""A column of a table of members, which the terminal, the files and the page all show."""

from dataclasses import dataclass
from typing import Literal, Protocol

#: The fields that name who trained.
TRAINER = ("host", "engine", "device")


class MemberRow(Protocol):
    """A line of a table of members, whatever their scores are."""

    @property
    def member(self) -> str:
        """What the member is called, or what else the line is about."""
        ...

    @property
    def status(self) -> str:
        """`trained`, `failed`, or `average` and others of the lines below the members."""
        ...


#: What a column is about: the member itself, the test of its kept weights, the epoch of these weights, the best value
#: of any epoch, or who trained.
Group = Literal["member", "test", "kept", "any", "training"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table of members."""

    #: The field of the row that it shows.
    field: str
    #: The heading where the column stands alone.
    label: str
    #: The heading below that of its group.
    short: str
    group: Group
    #: Decimal places; None for text and whole numbers.
    digits: int | None = None
    #: Which value of the column is the best; None if none is.
    best: Literal["lowest", "highest"] | None = None

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.digits is not None or self.field == "kept_epoch"

    def text(self, row: MemberRow) -> str:
        """Return what the column shows of a row, empty for a value that is not known."""
        value = getattr(row, self.field)
        if value is None:
            return ""
        if isinstance(value, float):
            return f"{value:.{1 if self.digits is None else self.digits}f}"
        return str(value)


def trainer_of(row: MemberRow) -> str:
    """Return who trained a member, in words; empty if that is not known."""
    return ", ".join(value for field in TRAINER if (value := getattr(row, field)))
