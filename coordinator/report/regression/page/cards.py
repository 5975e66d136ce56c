"""Test rows as cards: their columns or their picture, and what is predicted of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.findings import data_uri, shown_pixels
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings import (
    TargetRows,
    in_unit,
    largest_errors,
    most_uncertain,
    target_rows,
)
from deepchord.shared.tables import shown_rows

#: A card shows at most so many columns of a row, and so many numbers.
_MAX_CELLS, _MAX_NUMBERS = 8, 4


@dataclass(frozen=True, kw_only=True)
class PredictedNumber:
    """One number of a test row."""

    #: Empty where there is only one.
    name: str
    actual: str
    predicted: str
    #: Half the width of the interval.
    reach: str
    is_inside: bool
    #: The error in predicted standard deviations.
    deviations: float
    #: The places of the interval's ends, the prediction and the actual number on an axis of all shown, in percent.
    low: float
    high: float
    middle: float
    dot: float


@dataclass(frozen=True, kw_only=True)
class RowCard:
    """A test row, or image."""

    test_index: int
    #: As a data URI of a PNG; empty for a row of a table.
    picture: str
    #: The first columns of a row, with its values; empty for an image.
    cells: tuple[tuple[str, str], ...]
    numbers: tuple[PredictedNumber, ...]


def uncertain_cards(content: RegressionContent) -> tuple[RowCard, ...]:
    """Return the test rows that the ensemble is most uncertain about."""
    return _cards(content, most_uncertain(content))


def error_cards(content: RegressionContent) -> tuple[RowCard, ...]:
    """Return the test rows with the largest errors in predicted standard deviations."""
    return _cards(content, largest_errors(content))


def _cards(content: RegressionContent, indices: NDArray[np.int64]) -> tuple[RowCard, ...]:
    chosen, table = content.dataset.x_test[indices], content.dataset.table
    numbers = target_rows(content)
    pictures: Iterable[str] = [""] * len(indices)
    cells: Iterable[tuple[tuple[str, str], ...]] = [()] * len(indices)
    if table is None:
        pictures = map(data_uri, shown_pixels(chosen, content.dataset))
    else:
        cells = (each[:_MAX_CELLS] for each in shown_rows(chosen, table))
    return tuple(
        RowCard(test_index=index, picture=picture, cells=of_row, numbers=_numbers(numbers, index))
        for index, picture, of_row in zip(indices.tolist(), pictures, cells, strict=True)
    )


def _numbers(numbers: Sequence[TargetRows], row: int) -> tuple[PredictedNumber, ...]:
    return tuple(_number(rows, row, is_only=len(numbers) == 1) for rows in numbers[:_MAX_NUMBERS])


def _number(rows: TargetRows, row: int, *, is_only: bool) -> PredictedNumber:
    actual, predicted, reach = (float(each[row]) for each in (rows.actual, rows.predicted, rows.half_width))
    ends = [min(actual, predicted - reach), max(actual, predicted + reach)]
    width = (ends[1] - ends[0]) or 1.0
    low, high, middle, dot = (
        100 * (value - ends[0]) / width for value in (predicted - reach, predicted + reach, predicted, actual)
    )
    return PredictedNumber(
        name="" if is_only else rows.target.name,
        actual=in_unit(actual, rows.target),
        predicted=in_unit(predicted, rows.target),
        reach=in_unit(reach, rows.target),
        is_inside=bool(rows.is_inside[row]),
        deviations=float(rows.scaled_error[row]),
        low=low,
        high=high,
        middle=middle,
        dot=dot,
    )
