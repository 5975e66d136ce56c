import io
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.findings import doubts
from deepchord.coordinator.report.page import render_page
from deepchord.coordinator.report.tables import summary_json, summary_table
from deepchord.shared.messages import BalancedScores, DatasetFinding

MakeContent = Callable[..., ReportContent]


def changed(
    content: ReportContent,
    confusion: np.ndarray,
    members: tuple[float, ...] = (),
    predicted_classes: tuple[int | None, ...] = (),
) -> ReportContent:
    """Return the content with another confusion matrix, and the members' accuracies and numbers of classes."""
    accuracy = float(np.trace(confusion) / confusion.sum())
    own = tuple(
        member.model_copy(
            update={
                "test": member.test.model_copy(update={"accuracy": members[place] if members else accuracy}),
                "predicted_classes": predicted_classes[place] if predicted_classes else None,
            }
        )
        for place, member in enumerate(content.evaluation.members)
    )
    evaluation = content.evaluation.model_copy(
        update={
            "confusion": tuple(tuple(int(count) for count in row) for row in confusion),
            "test": content.evaluation.test.model_copy(update={"accuracy": accuracy}),
            "members": own,
        }
    )
    return replace(content, evaluation=evaluation)


def constant(classes: int = 4, images: int = 50) -> np.ndarray:
    confusion = np.zeros((classes, classes), np.int64)
    confusion[:, 1] = images
    return confusion


def test_a_sound_result_is_not_doubted(make_content: MakeContent):
    assert doubts(make_content()) == ()


@pytest.mark.parametrize("records", [True, False])
def test_an_accuracy_that_guessing_reaches_is_doubted_with_its_likely_causes(make_content: MakeContent, records: bool):
    content = changed(make_content(records=records), constant(), predicted_classes=(1, 1, 1))

    constantly, guessing, causes = doubts(content)

    assert constantly == "Each member names one class only, for every test image."
    assert guessing.replace("\u00a0", " ") == (
        "The ensemble's test accuracy of 25.00 % is not clearly better than guessing: naming the most frequent class "
        "for every test image is right about 25.00 %."
    )
    assert ("a learning rate that is too high" if records else "scaled otherwise in the training") in causes
    assert "whole numbers are divided by 255 here" in causes


def test_of_floats_it_is_said_from_where_to_where_they_go(make_content: MakeContent):
    content = changed(make_content(records=False, float_images=True), constant())

    assert "floats are used as they are, here from 0 to 1" in doubts(content)[-1]


def test_a_share_that_chance_explains_is_doubted_and_one_that_it_does_not_is_not(make_content: MakeContent):
    # 200 test images of four classes: guessing is right about 25 %, give or take 3.1.
    def with_right(right: int) -> ReportContent:
        confusion = constant()
        confusion[0, 0], confusion[0, 1] = right, 50 - right
        return changed(make_content(), confusion)

    assert doubts(with_right(9)) != ()  # 29.5 %
    assert doubts(with_right(12)) == ()  # 31 %


def test_naming_the_most_frequent_class_only_is_guessing_also_where_it_is_mostly_right(make_content: MakeContent):
    confusion = np.array([[0, 5], [0, 95]])

    assert any("95.00\u00a0%" in doubt for doubt in doubts(changed(make_content(classes=2), confusion)))


def test_a_few_test_images_do_not_make_every_result_doubtful(make_content: MakeContent):
    assert doubts(changed(make_content(classes=2), np.diag([2, 2]))) == ()


def test_test_images_of_one_class_tell_nothing(make_content: MakeContent):
    assert doubts(changed(make_content(classes=2), np.array([[9, 0], [0, 0]]), predicted_classes=(1, 1, 1))) == ()


def test_members_that_are_as_bad_as_guessing_are_named_though_the_ensemble_is_good(make_content: MakeContent):
    good = np.diag([50] * 4)
    content = changed(make_content(), good, members=(0.25, 0.9, 0.26), predicted_classes=(1, 4, 4))

    constantly, guessing, _ = doubts(content)

    assert constantly == "Member 0 names one class only, for every test image."
    assert guessing.startswith("Members 0 and 2 are not clearly better than guessing")


def test_many_such_members_are_counted(make_content: MakeContent):
    content = changed(make_content(members=9), np.diag([50] * 4), members=(0.25,) * 8 + (0.9,))

    assert doubts(content)[0].startswith("Members 0, 1, 2, 3, 4 and 3 others are not clearly better")


def test_weights_whose_classes_had_another_order_are_recognised(make_content: MakeContent):
    swapped = np.roll(np.diag([46] * 4), 1, axis=1) + 1

    found = doubts(changed(make_content(records=False), swapped))

    assert "With its classes in another order it would be right about 94.00\u00a0%" in found[1]
    assert not any("another order it would" in doubt for doubt in doubts(changed(make_content(), swapped)))


def test_doubts_stand_in_the_terminal_on_the_page_and_in_the_summary_for_programs(make_content: MakeContent):
    content = changed(make_content(records=False), constant())
    guessing, causes = doubts(content)

    console = Console(width=120, file=io.StringIO(), color_system=None)
    console.print(summary_table(content, 120))
    # Both without the spaces at which no line is broken.
    assert " ".join(f"warning: {guessing}".split()) in " ".join(console.file.getvalue().split())
    page = render_page(content)
    assert 'aria-label="Warnings"' in page
    assert causes in page
    assert json.loads(summary_json(content))["warnings"] == [guessing, causes]
    assert 'aria-label="Warnings"' not in render_page(make_content())


def test_who_tells_a_rare_class_apart_does_not_guess_although_naming_the_frequent_one_is_right_as_often(
    make_content: MakeContent,
):
    guessing = np.array([[180, 0], [20, 0]])
    telling = np.array([[160, 20], [4, 16]])  # 88 % right; always naming the first class: 90 %
    content = changed(make_content(classes=2), telling)
    balanced = BalancedScores(balanced_accuracy=0.84, macro_f1=0.78)
    members = tuple(member.model_copy(update={"balanced": balanced}) for member in content.evaluation.members)
    telling_members = replace(content, evaluation=content.evaluation.model_copy(update={"members": members}))

    assert doubts(telling_members) == ()
    assert (
        "are not clearly better than guessing" in doubts(content)[0]
    )  # of earlier versions only the accuracy is known
    assert "is not clearly better than guessing" in doubts(changed(content, guessing))[0]


def test_test_images_that_were_trained_on_are_a_warning_in_every_form_of_a_report(make_content: MakeContent):
    content = make_content()
    leak = DatasetFinding(kind="overlap", level="warning", text="3 of 20 test images are training images, too.")
    scaled = DatasetFinding(kind="scaled", level="note", text="Each image was scaled.")
    content = replace(content, dataset=replace(content.dataset, findings=(scaled, leak)))

    assert doubts(content) == (leak.text,)
    assert json.loads(summary_json(content))["warnings"] == [leak.text]
    page = render_page(content)
    assert page.count(leak.text) == 1
    assert scaled.text in page
