from collections.abc import Callable
from dataclasses import replace
from math import sqrt

import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.findings import accuracy_interval, certainty

MakeContent = Callable[..., ReportContent]


def with_counts(content: ReportContent, confusion: tuple[tuple[int, ...], ...]) -> ReportContent:
    return replace(content, evaluation=content.evaluation.model_copy(update={"confusion": confusion}))


@pytest.mark.parametrize(("right", "wrong"), [(56, 4), (60, 0), (0, 60), (1, 0), (9348, 652), (1, 1)])
def test_interval_is_that_of_wilsons_formula(make_content: MakeContent, right: int, wrong: int) -> None:
    content = with_counts(make_content(classes=2, test_size=4), ((right, wrong), (0, 0)))
    images, z = right + wrong, 1.959963984540054
    middle = (right + z**2 / 2) / (images + z**2)
    half = z / (images + z**2) * sqrt(right * wrong / images + z**2 / 4)

    interval = accuracy_interval(content)

    assert (interval.images, interval.right) == (images, right)
    assert interval.low == pytest.approx(max(0.0, middle - half), abs=1e-12)
    assert interval.high == pytest.approx(min(1.0, middle + half), abs=1e-12)


@pytest.mark.parametrize(
    ("confusion", "text"),
    [
        (
            ((28, 2), (2, 28)),
            "56 of 60 test images right: 84.1 to 97.4 % of all such images, with 95 % confidence; "
            "one image is 1.67 points",
        ),
        (
            ((4700, 300), (352, 4648)),
            "9,348 of 10,000 test images right: 92.98 to 93.95 % of all such images, with 95 % confidence",
        ),
    ],
)
def test_certainty_is_said_and_in_a_small_test_set_what_one_image_counts(
    make_content: MakeContent, confusion: tuple[tuple[int, ...], ...], text: str
) -> None:
    content = with_counts(make_content(classes=2, test_size=4), confusion)

    assert certainty(content).replace("\u00a0", " ") == text
