from collections.abc import Callable
from itertools import combinations

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.figures.trust import draw_reliability, draw_risk_coverage

MakeContent = Callable[..., ReportContent]
Draw = Callable[[ReportContent], Figure | None]


@pytest.mark.parametrize("draw", [draw_reliability, draw_risk_coverage])
def test_nothing_is_drawn_of_an_evaluation_that_did_not_measure_it(make_content: MakeContent, draw: Draw) -> None:
    assert draw(make_content()) is None


@pytest.mark.parametrize(
    "kind", [{}, {"test_size": 3}, {"test_size": 1}, {"all_equal": True}, {"accuracy": 1.0}, {"accuracy": 0.0}]
)
@pytest.mark.parametrize("measured", ["calibration_images", "uncalibrated"])
@pytest.mark.parametrize("draw", [draw_reliability, draw_risk_coverage])
def test_no_text_lies_on_another_nor_leaves_the_figure(
    make_content: MakeContent, draw: Draw, measured: str, kind: dict[str, object]
) -> None:
    figure = draw(make_content(measured=measured, **kind))

    assert figure is not None
    figure.draw_without_rendering()
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_visible()]
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in boxes:
        assert box.x0 >= 0, text
        assert box.x1 <= width + 1, text
        assert box.y0 >= 0, text
        assert box.y1 <= height + 1, text
    for (first, box), (second, other) in combinations(boxes, 2):
        both = Bbox.intersection(box, other)
        assert both is None or min(both.width, both.height) < 1, (first, second)


def test_before_and_after_calibration_are_told_apart(make_content: MakeContent) -> None:
    def key(measured: str) -> list[str]:
        figure = draw_reliability(make_content(measured=measured))
        assert figure is not None
        return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]

    assert key("out_of_bag") == ["ideal", "before calibration", "after calibration"]
    assert key("uncalibrated") == ["ideal", "ensemble, not calibrated"]
