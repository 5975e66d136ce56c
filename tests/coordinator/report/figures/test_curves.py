from collections.abc import Callable

import pytest
from matplotlib.figure import Figure

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.figures.curves import draw_entropies, draw_shifts, draw_sizes

MakeContent = Callable[..., ReportContent]
Draw = Callable[[ReportContent], Figure | None]


@pytest.mark.parametrize("draw", [draw_entropies, draw_sizes, draw_shifts])
def test_nothing_is_drawn_of_an_evaluation_that_did_not_measure_it(make_content: MakeContent, draw: Draw) -> None:
    assert draw(make_content()) is None


def test_one_member_has_no_curve_and_an_evaluation_alone_no_shifts(make_content: MakeContent) -> None:
    content = make_content(measured="calibration_images", members=1)

    assert (draw_sizes(content), draw_shifts(content)) == (None, None)


def test_each_curve_is_that_of_the_evaluation(make_content: MakeContent) -> None:
    content = make_content(measured="calibration_images", members=4, studied=True)
    sizes, shifts, entropies = draw_sizes(content), draw_shifts(content), draw_entropies(content)

    uncertainty = content.evaluation.uncertainty
    assert sizes is not None
    held_out, test = (list(line.get_ydata()) for line in sizes.axes[1].lines)
    assert test == [size.negative_log_likelihood.value for size in uncertainty.by_size]
    assert held_out == [size.negative_log_likelihood.value for size in uncertainty.by_size_held_out]
    assert shifts is not None
    calibrated = shifts.axes[0].lines[2].get_ydata()
    assert calibrated[0] == uncertainty.calibrated.accuracy.value
    strongest = [each.calibrated.accuracy for each in content.shifted if each.strength == 5]
    assert calibrated[-1] == pytest.approx(sum(strongest) / len(strongest))
    assert entropies is not None
    assert [text.get_text() for text in entropies.axes[0].get_legend().get_texts()] == [
        "right images",
        "wrong images",
        "unseen images",
    ]
