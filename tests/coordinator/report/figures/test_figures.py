from collections.abc import Callable
from itertools import combinations

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.figures.contact_sheets import draw_mean_images, draw_misclassified, draw_samples
from deepchord.coordinator.report.figures.drawing import fitted_names, text_width
from deepchord.coordinator.report.figures.figures import draw_confusion_matrix

MakeContent = Callable[..., ReportContent]

HEBREW = "\u05de\u05e2\u05d9\u05dc"
NAMES = {
    "long": tuple(f"the very long class name of thing number {number}" for number in range(12)),
    "wide": tuple(f"{'W' * 30}{number}" for number in range(12)),
    "alike but for the middle": tuple(f"{'beginning ' * 3}{number:02} {'end ' * 9}" for number in range(12)),
    "under heaps of marks": tuple("Z" + "\u0301\u0302" * 9 + f"algo {number}" for number in range(12)),
    "short": tuple(f"class {number}" for number in range(12)),
    "from right to left": tuple(f"{HEBREW} {HEBREW} {HEBREW} {number}" for number in range(12)),
}


def boxes_of(figure: Figure) -> list[tuple[str, Bbox]]:
    figure.draw_without_rendering()
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent()) for text in texts if text.get_visible()]


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("draw", [draw_samples, draw_mean_images, draw_misclassified])
def test_no_text_lies_on_another_nor_leaves_the_figure(
    make_content: MakeContent, kind: str, draw: Callable[[ReportContent], Figure]
) -> None:
    figure = draw(make_content(classes=12, class_names=NAMES[kind], accuracy=0.4, test_size=120))
    boxes = boxes_of(figure)

    assert len(boxes) > 12
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in boxes:
        assert box.x0 >= 0, text
        assert box.x1 <= width + 1, text
        assert box.y0 >= 0, text
        assert box.y1 <= height + 1, text
    for (first, box), (second, other) in combinations(boxes, 2):
        both = Bbox.intersection(box, other)
        assert both is None or min(both.width, both.height) < 1, (first, second)


@pytest.mark.parametrize("kind", NAMES)
def test_names_in_figures_are_as_different_as_they_were(kind: str) -> None:
    names = fitted_names(dict(enumerate(NAMES[kind])), 0.9, 7, lines=2)

    assert len(set(names.values())) == 12
    assert all(text_width(name, 7) <= 0.9 for name in names.values())


@pytest.mark.parametrize(("classes", "named"), [(12, True), (60, True), (300, False)])
def test_classes_of_the_confusion_matrix_have_names_as_long_as_they_can_be_read(
    make_content: MakeContent, classes: int, named: bool
) -> None:
    figure = draw_confusion_matrix(make_content(classes=classes, test_size=classes))
    (axes,) = figure.axes
    figure.draw_without_rendering()
    labels = [label for label in axes.get_yticklabels() if label.get_text()]

    assert all(label.get_fontsize() >= 4 for label in labels)
    texts = [label.get_text() for label in labels]
    assert (texts == [f"class {number}" for number in range(classes)]) == named
    assert named or ("100" in texts and len(texts) < 20)
    assert axes.get_ylabel() == ("Actual" if named else "Actual, by the number of the class")


def test_many_classes_fill_their_sheets_in_several_columns(make_content: MakeContent) -> None:
    content = make_content(classes=120, test_size=120, shape=(4, 4, 1))

    for figure in (draw_samples(content), draw_mean_images(content)):
        width, height = figure.get_size_inches()
        assert 0.4 < width / height < 2.5
        assert max(width, height) < 30
