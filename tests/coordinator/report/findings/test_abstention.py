from collections.abc import Callable
from dataclasses import replace

import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.findings import (
    abstention_line,
    abstention_sentence,
    abstention_source,
    percent_of_risk,
)
from deepchord.shared.messages import Abstention

MakeContent = Callable[..., ReportContent]


def said(text: str) -> str:
    return text.replace("\u00a0", " ")


def with_abstentions(content: ReportContent, source: str, *abstentions: Abstention) -> ReportContent:
    uncertainty = content.evaluation.uncertainty
    selective = uncertainty.selective.model_copy(update={"source": source, "abstentions": abstentions})
    changed = uncertainty.model_copy(update={"selective": selective})
    return replace(content, evaluation=content.evaluation.model_copy(update={"uncertainty": changed}))


@pytest.mark.parametrize(
    ("abstention", "sentence"),
    [
        (
            Abstention(risk=0.01, threshold=0.97, coverage=0.6904, test_risk=0.0091),
            "Asked to be wrong in at most 1 % of its answers, it answers 69.0 % of the test images (and is wrong in "
            "0.91 %)",
        ),
        (
            Abstention(risk=0.05, threshold=0.3, coverage=1.0, test_risk=0.041),
            "Asked to be wrong in at most 5 % of its answers, it answers all test images (and is wrong in 4.10 %)",
        ),
        (
            Abstention(risk=0.005, threshold=None, coverage=0.0, test_risk=None),
            "Asked to be wrong in at most 0.5 % of its answers, it never reaches that, however few images it answers",
        ),
        (
            Abstention(risk=0.005, threshold=0.99, coverage=0.0, test_risk=None),
            "Asked to be wrong in at most 0.5 % of its answers, it answers none of the test images",
        ),
    ],
)
def test_an_abstention_is_a_sentence_that_everybody_understands(abstention: Abstention, sentence: str) -> None:
    assert said(abstention_sentence(abstention)) == sentence


def test_the_line_is_that_of_one_percent(make_content: MakeContent) -> None:
    five = Abstention(risk=0.05, threshold=0.3, coverage=0.9, test_risk=0.04)
    one = Abstention(risk=0.01, threshold=0.9, coverage=0.5, test_risk=0.01)
    content = with_abstentions(make_content(measured="calibration_images"), "calibration_images", five, one)

    assert abstention_line(content) == abstention_sentence(one)
    assert "chosen on the training images of the calibration" in abstention_source(content)
    assert abstention_line(with_abstentions(content, "calibration_images", five)) == ""
    assert abstention_line(make_content()) == abstention_source(make_content()) == ""


def test_thresholds_from_the_test_images_are_said_to_be_so(make_content: MakeContent) -> None:
    one = Abstention(risk=0.01, threshold=0.9, coverage=0.5, test_risk=0.01)
    never = Abstention(risk=0.01, threshold=None, coverage=0.0, test_risk=None)
    content = make_content(measured="uncalibrated")

    assert abstention_line(with_abstentions(content, "test_images", one)).endswith(
        "; the threshold was chosen on these images themselves"
    )
    assert abstention_line(with_abstentions(content, "test_images", never)) == abstention_sentence(never)
    assert "chosen on the test images themselves" in abstention_source(content)


def test_equal_probabilities_never_reach_one_percent(make_content: MakeContent) -> None:
    content = make_content(measured="calibration_images", all_equal=True)
    uncertain = make_content(measured="uncalibrated", all_equal=True)

    assert "nan" not in abstention_line(content)
    assert "it never reaches that" in abstention_line(uncertain)


@pytest.mark.parametrize(("risk", "text"), [(0.05, "5 %"), (0.02, "2 %"), (0.01, "1 %"), (0.005, "0.5 %")])
def test_a_risk_has_as_few_digits_as_it_needs(risk: float, text: str) -> None:
    assert said(percent_of_risk(risk)) == text
