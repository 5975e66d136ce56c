from collections.abc import Callable

import numpy as np
import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.findings import entropy_counts, reliability, risk_curve

MakeContent = Callable[..., ReportContent]


def test_nothing_is_drawn_of_an_evaluation_that_did_not_measure_it(make_content: MakeContent) -> None:
    content = make_content()

    assert (reliability(content), risk_curve(content), entropy_counts(content)) == (None, None, None)


def test_reliability_has_the_bins_of_the_evaluation_before_and_after(make_content: MakeContent) -> None:
    content = make_content(measured="calibration_images")
    found, uncertainty = reliability(content), content.evaluation.uncertainty

    assert found is not None
    assert sum(point.share for point in found.before) == pytest.approx(1)
    assert [point.accuracy for point in found.before] == [each.accuracy for each in uncertainty.reliability]
    assert len(found.after) == len(uncertainty.calibrated_reliability)
    uncalibrated = reliability(make_content(measured="uncalibrated"))
    assert uncalibrated is not None
    assert uncalibrated.after == ()


@pytest.mark.parametrize(("images", "points"), [(3, 3), (200, 200), (2_001, 200)])
def test_the_curve_of_risk_ends_at_the_share_of_all_mistakes(
    make_content: MakeContent, images: int, points: int
) -> None:
    content = make_content(measured="calibration_images", test_size=images)
    curve = risk_curve(content)

    assert curve is not None
    assert len(curve.points) == points
    assert curve.points[-1].coverage == 1
    assert curve.points[-1].risk == pytest.approx(1 - content.evaluation.test.accuracy)
    assert all(0 < point.coverage <= 1 and 0 <= point.risk <= 1 for point in curve.points)


def test_thresholds_that_answer_nothing_are_not_on_the_curve(make_content: MakeContent) -> None:
    content = make_content(measured="uncalibrated", all_equal=True)
    curve = risk_curve(content)

    assert curve is not None
    assert curve.chosen == ()
    assert len({point.risk for point in curve.points}) == 1


def test_entropies_of_right_and_wrong_images_are_counted_apart(make_content: MakeContent) -> None:
    counts = entropy_counts(make_content(measured="out_of_bag"))

    assert counts is not None
    assert np.sum(counts.right) == pytest.approx(1)
    assert np.sum(counts.wrong) == pytest.approx(1)
    assert len(counts.right) == len(counts.wrong) == 20


@pytest.mark.parametrize(
    ("kind", "right", "wrong"), [({"accuracy": 1.0}, 20, 0), ({"all_equal": True, "test_size": 1}, 20, 0)]
)
def test_without_mistakes_only_the_right_images_are_counted(
    make_content: MakeContent, kind: dict[str, object], right: int, wrong: int
) -> None:
    counts = entropy_counts(make_content(measured="out_of_bag", **kind))

    assert counts is not None
    assert (len(counts.right), len(counts.wrong)) == (right, wrong)


def test_of_one_class_there_are_no_entropies(make_content: MakeContent) -> None:
    assert entropy_counts(make_content(measured="uncalibrated", classes=1, records=False)) is None
