from collections.abc import Callable
from dataclasses import replace

import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.findings import calibration_gain, calibration_source, trust_conclusion
from deepchord.coordinator.report.findings.trust import confidence
from deepchord.shared.messages import Calibration, ReliabilityBin

MakeContent = Callable[..., ReportContent]


def said(text: str) -> str:
    return text.replace("\u00a0", " ")


def with_calibration(content: ReportContent, calibration: Calibration) -> ReportContent:
    uncertainty = content.evaluation.uncertainty.model_copy(update={"calibration": calibration})
    return replace(content, evaluation=content.evaluation.model_copy(update={"uncertainty": uncertainty}))


def test_nothing_is_said_of_an_evaluation_that_did_not_measure_it(make_content: MakeContent) -> None:
    content = make_content()

    assert [calibration_gain(content), calibration_source(content), trust_conclusion(content)] == ["", "", ""]


def test_loss_and_calibration_error_are_told_before_and_after(make_content: MakeContent) -> None:
    content = make_content(measured="calibration_images")
    uncertainty = content.evaluation.uncertainty
    after, before = uncertainty.calibrated, uncertainty.mean
    error = after.expected_calibration_error

    assert said(calibration_gain(content)) == (
        f"Calibrated loss {after.negative_log_likelihood.value:.5f}, "
        f"{before.negative_log_likelihood.value:.5f} before; "
        f"calibration error {100 * error.value:.2f} % ({100 * error.low:.2f} to {100 * error.high:.2f} %), "
        f"{100 * before.expected_calibration_error.value:.2f} % before"
    )


@pytest.mark.parametrize(
    ("calibration", "words"),
    [
        (
            Calibration(
                source="calibration_images", temperature=1.12, images=3000, members_per_image=3, fitted_temperature=1.12
            ),
            "It was fitted on 3,000 training images that no member was trained on.",
        ),
        (
            Calibration(
                source="out_of_bag", temperature=0.8, images=9000, members_per_image=2.04, fitted_temperature=0.9
            ),
            "It was fitted on 9,000 training images, each predicted by the members that held it out, 2.0 of 3 members "
            "on average: 0.90 fits them, extrapolated to all members.",
        ),
        (
            Calibration(source="out_of_bag", temperature=0.9, images=1, members_per_image=1, fitted_temperature=0.9),
            "It was fitted on 1 training image, each predicted by the members that held it out, 1.0 of 3 members on "
            "average.",
        ),
        (
            Calibration(source="test_images", temperature=1.1, images=9, members_per_image=3, fitted_temperature=1.1),
            "It was fitted on the 9 test images themselves, so the scores after it are too good.",
        ),
    ],
)
def test_the_source_of_a_calibration_is_told_in_plain_words(
    make_content: MakeContent, calibration: Calibration, words: str
) -> None:
    content = with_calibration(make_content(measured="calibration_images"), calibration)
    told = said(calibration_source(content))

    assert told.endswith(words)
    assert f"has the temperature {calibration.temperature:.2f}" in told


def test_without_images_to_calibrate_on_the_sentences_say_so(make_content: MakeContent) -> None:
    content = make_content(measured="uncalibrated")

    assert calibration_gain(content).endswith("; there are no images to calibrate on")
    assert calibration_source(content).startswith("There are no images to calibrate on")
    assert trust_conclusion(content).startswith("Without calibration the ensemble gives its answers")
    assert "After calibration" not in trust_conclusion(content)


def test_under_confidence_is_told_with_its_size_and_what_calibration_leaves(make_content: MakeContent) -> None:
    content = make_content(measured="calibration_images", accuracy=0.8, test_size=2000)
    before = confidence(content.evaluation.uncertainty.reliability)
    text = said(trust_conclusion(content))

    assert before.accuracy == pytest.approx(content.evaluation.test.accuracy)
    assert before.excess < -0.2
    assert f"it is under-confident by {-100 * before.excess:.2f} points." in text
    assert "After calibration the probability is" in text
    assert "of other images the probabilities promise nothing" in text


@pytest.mark.parametrize(
    ("mean", "accuracy", "images", "is_off"),
    [
        (0.95, 0.90, 10_000, True),
        (0.90, 0.95, 10_000, True),
        (0.903, 0.90, 10_000_000, False),  # too small to matter
        (0.95, 0.90, 50, False),  # chance explains it
        (0.60, 1.0, 3, False),
        (0.60, 1.0, 3_000, True),
    ],
)
def test_confidence_is_off_only_if_it_matters_and_chance_does_not_explain_it(
    mean: float, accuracy: float, images: int, is_off: bool
) -> None:
    found = confidence([ReliabilityBin(images=images, mean_confidence=mean, accuracy=accuracy)])

    assert found.is_off == is_off


def test_three_test_images_are_said_to_be_few(make_content: MakeContent) -> None:
    text = said(trust_conclusion(make_content(measured="calibration_images", test_size=3)))

    assert "With only 3 test images much of it is chance." in text
    assert "nan" not in text


@pytest.mark.parametrize("measured", ["calibration_images", "out_of_bag", "uncalibrated"])
@pytest.mark.parametrize(
    "kind", [{"classes": 1, "records": False}, {"all_equal": True}, {"test_size": 3}, {"members": 1}]
)
def test_odd_ensembles_get_sentences_without_a_nan(
    make_content: MakeContent, measured: str, kind: dict[str, object]
) -> None:
    content = make_content(measured=measured, **kind)

    for text in (calibration_gain(content), calibration_source(content), trust_conclusion(content)):
        assert text
        assert "nan" not in text
