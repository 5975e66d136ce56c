"""How the columns of a table become the input of a network: data, fitted on training rows and applied everywhere."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, FiniteFloat, NonNegativeInt, model_validator

from deepchord.shared.validation import ExtendedMessage, Message

#: The features that stand for a date, besides its days: sine and cosine of the day in the year and in the week.
_OF_DATE = 4
#: Sine and cosine of the time of the day.
_OF_TIME = 2

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class _Column(Message):
    """What all columns have; each feature of a column is one value of the network's input."""

    name: str
    #: Whether values were missing in training rows: then a last feature is 1 where one is missing.
    has_missing: bool = False


class NumberColumn(_Column):
    """Numbers, as `clipped((value - center) / scale)`; a missing one is the center."""

    kind: Literal["number"] = "number"
    #: The median of the training rows.
    center: FiniteFloat
    #: The distance of their quartiles; half of their range if that is 0.
    scale: Positive

    @property
    def features(self) -> int:
        """How many values of the network's input stand for it."""
        return 1 + self.has_missing


class BooleanColumn(_Column):
    """Truth values, as -1 and 1; a missing one is the usual one."""

    kind: Literal["boolean"] = "boolean"
    #: The more frequent value of the training rows.
    usual: bool

    @property
    def features(self) -> int:
        """How many values of the network's input stand for it."""
        return 1 + self.has_missing


class CategoryColumn(_Column):
    """Texts, one feature for each category, of which one is 1 and the others are 0."""

    kind: Literal["category"] = "category"
    categories: tuple[str, ...] = Field(min_length=1)
    #: Whether a feature after them stands for all rarer categories together. Without it an unknown one is all zeros.
    has_other: bool = False

    @property
    def features(self) -> int:
        """How many values of the network's input stand for it."""
        return len(self.categories) + self.has_other + self.has_missing


class DateColumn(_Column):
    """Dates: the days since 1970, as numbers are; sine and cosine of the days in year and week, and of the time.

    A missing one is the center, and 0 for each sine and cosine.
    """

    kind: Literal["date"] = "date"
    #: In days since 1970-01-01, as in `NumberColumn`.
    center: FiniteFloat
    scale: Positive
    #: Whether any of the training rows tells a time of the day.
    has_time: bool = False

    @property
    def features(self) -> int:
        """How many values of the network's input stand for it."""
        return 1 + _OF_DATE + _OF_TIME * self.has_time + self.has_missing


TableColumn = NumberColumn | BooleanColumn | CategoryColumn | DateColumn
#: Why a column tells nothing: it has one value or none, each row has its own text, or it counts the rows.
DropReason = Literal["constant", "empty", "identifier", "row_number"]


class DroppedColumn(Message):
    """A column that is no input."""

    name: str
    reason: DropReason
    #: Its place among all columns but the predicted one, from 0.
    place: NonNegativeInt


class TablePreprocessing(ExtendedMessage):
    """All columns of a table, in the order of their features."""

    added_fields: ClassVar = ("further_targets",)

    #: The column that is predicted; the first one if several are.
    target: str
    columns: tuple[Annotated[TableColumn, Field(discriminator="kind")], ...] = Field(min_length=1)
    dropped: tuple[DroppedColumn, ...] = ()
    #: The other columns that are predicted.
    further_targets: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """All columns that are predicted."""
        return (self.target, *self.further_targets)

    @property
    def features(self) -> int:
        """The length of a row as the network takes it."""
        return sum(column.features for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns that are needed."""
        return tuple(column.name for column in self.columns)

    @property
    def all_names(self) -> tuple[str, ...]:
        """The names of all columns but the predicted one, in the order of the training rows."""
        names = list(self.names)
        for each in sorted(self.dropped, key=lambda dropped: dropped.place):
            names.insert(each.place, each.name)
        return tuple(names)

    @property
    def is_unnamed(self) -> bool:
        """Whether the columns are called by their numbers, as those of a file without a header are."""
        return all(re.fullmatch(r"column_[1-9][0-9]*", name) for name in (*self.all_names, *self.targets))

    @model_validator(mode="after")
    def _check_names(self) -> "TablePreprocessing":
        names = [*self.names, *(each.name for each in self.dropped)]
        if len(set(names)) < len(names):
            raise ValueError("two columns have the same name")
        return self
