from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.findings import balance_sentence, confusion_matrix, confusion_pixels
from deepchord.coordinator.report.page import render_page

MakeContent = Callable[..., ReportContent]
PageText = Callable[[ReportContent], str]


def with_confusion(content: ReportContent, confusion: tuple[tuple[int, ...], ...]) -> ReportContent:
    return replace(content, evaluation=content.evaluation.model_copy(update={"confusion": confusion}))


def test_confusion_is_coloured_by_the_largest_count_off_the_diagonal(make_content: MakeContent) -> None:
    content = make_content()
    counts = np.array(content.evaluation.confusion)
    largest = max(int(counts[row, column]) for row in range(4) for column in range(4) if row != column)
    matrix = confusion_matrix(content)

    for row in range(4):
        for column in range(4):
            cell = matrix.rows[row].cells[column]
            assert cell.count == counts[row, column]
            assert cell.strength == pytest.approx(0 if row == column else counts[row, column] / largest)
    assert matrix.errors == counts.sum() - counts.trace()
    assert matrix.worst[0].count == largest
    assert matrix.hardest[0].recall == min(counts[row, row] / counts[row].sum() for row in range(4))


def test_a_class_without_test_images_is_neither_hard_nor_easy(make_content: MakeContent, page_text: PageText) -> None:
    content = make_content(classes=4, test_size=3, accuracy=0.0)
    matrix = confusion_matrix(content)

    assert [row.recall for row in matrix.rows] == [0.0, 0.0, 0.0, None]
    assert [row.name for row in matrix.hardest] == ["class 0", "class 1", "class 2"]
    assert matrix.hardest == matrix.easiest
    assert (
        "class 0 and 2 more are the hardest classes: 0.0\u00a0% right. 1\u00a0class without a test image"
        in page_text(content)
    )
    assert '<td class="recall">\N{EN DASH}</td>' in render_page(content)


def test_the_hardest_and_the_easiest_class_are_told_with_their_counts(
    make_content: MakeContent, page_text: PageText
) -> None:
    content = with_confusion(make_content(classes=3, test_size=30), ((9, 1, 0), (4, 6, 0), (0, 0, 0)))

    said = page_text(content)

    assert "class 1 is the hardest class: 6 of 10 right, 60.0\u00a0%." in said
    assert "class 0 is the easiest class: 9 of 10 right, 90.0\u00a0%." in said
    assert "1\u00a0class without a test image cannot be told." in said


def test_many_classes_turn_the_matrix_into_a_picture(make_content: MakeContent) -> None:
    content = make_content(classes=30, test_size=120)

    assert confusion_pixels(content, (1, 2, 3)).shape == (30, 30, 4)
    assert "confusion-picture" in render_page(content)
    assert '<table class="confusion"' not in render_page(content)


def test_each_class_has_its_scores_and_one_without_test_images_a_dash(
    make_content: MakeContent, page_text: PageText
) -> None:
    content = with_confusion(make_content(classes=3), ((150, 10, 0), (20, 20, 0), (0, 0, 0)))
    first, second, third = confusion_matrix(content).scored

    assert (first.precision, first.recall) == (pytest.approx(150 / 170), pytest.approx(150 / 160))
    assert second.f1 == pytest.approx(2 * 20 / (40 + 30))
    assert (third.precision, third.recall, third.f1, third.images) == (None, None, None, 0)
    text = " ".join(page_text(content).split())
    assert "class 2\N{EN DASH}\N{EN DASH}\N{EN DASH}0" in text
    assert "Balanced accuracy 71.88 %, macro F1 74.03 %: here every class counts the same" in text


def test_of_many_classes_those_with_the_lowest_f1_are_listed_and_the_picture_keeps_small_confusions(
    make_content: MakeContent,
) -> None:
    counts = np.diag(np.full(700, 3))
    counts[400, 401] = counts[650, 9] = 3
    counts[699] = 0
    content = with_confusion(make_content(classes=700), tuple(map(tuple, counts.tolist())))
    matrix = confusion_matrix(content)

    assert (len(matrix.scored), matrix.classes_per_point) == (25, 3)
    assert [row.name for row in matrix.scored[:5]] == [f"class {index}" for index in (9, 400, 401, 650, 0)]
    assert "class 699" not in [row.name for row in matrix.scored]
    pixels = confusion_pixels(content, (1, 2, 3), matrix.classes_per_point)
    assert pixels.shape == (234, 234, 4)
    assert pixels[133, 133].tolist() == pixels[216, 3].tolist() == [1, 2, 3, 255]
    assert pixels[0, 0].tolist() == [128, 128, 128, 90]
    assert render_page(content).count("<td") < 1_000


def test_classes_of_about_the_same_size_need_no_scores_in_which_each_counts_the_same(make_content: MakeContent) -> None:
    content = make_content(classes=3)

    assert balance_sentence(with_confusion(content, ((60, 0, 0), (0, 50, 0), (0, 0, 41)))) == ""
    assert balance_sentence(with_confusion(content, ((60, 0, 0), (0, 50, 0), (0, 0, 40)))) != ""
    assert "ROC-AUC" in balance_sentence(make_content(classes=2))
