import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.findings import (
    abstention_sentence,
    abstention_source,
    calibration_source,
    conformal_sentence,
    trust_conclusion,
)
from deepchord.coordinator.report.page import render_page
from deepchord.coordinator.report.page.charts import trust_charts
from deepchord.coordinator.report.page.gallery import confident_mistakes, mistakes, uncertain_images
from deepchord.coordinator.report.page.trust import trust

MakeContent = Callable[..., ReportContent]
PageText = Callable[[ReportContent], str]

#: Ensembles that have little to show.
ODD = {
    "one class": {"classes": 1, "records": False},
    "one class in the test images": {"test_labels": np.zeros(200, dtype=np.int64)},
    "equal probabilities": {"all_equal": True},
    "three test images": {"test_size": 3},
    "one test image": {"test_size": 1},
    "one member": {"members": 1},
    "no mistakes": {"accuracy": 1.0},
    "always wrong": {"accuracy": 0.0},
}


def test_without_a_measured_uncertainty_the_page_has_no_such_section(make_content: MakeContent) -> None:
    page = render_page(make_content())

    assert 'id="trust"' not in page
    assert '#trust"' not in page
    assert "calibrated" not in page


@pytest.mark.parametrize("measured", ["calibration_images", "out_of_bag", "uncalibrated"])
def test_the_section_says_what_the_findings_say(make_content: MakeContent, page_text: PageText, measured: str) -> None:
    content = make_content(measured=measured)
    said = page_text(content)

    assert '<a href="#trust">Trust</a>' in render_page(content)
    for sentence in (trust_conclusion, calibration_source, abstention_source, conformal_sentence):
        assert sentence(content) in said
    for abstention in content.evaluation.uncertainty.selective.abstentions:
        assert abstention_sentence(abstention) in said


def test_scores_stand_beside_each_other_with_their_intervals(make_content: MakeContent) -> None:
    content = make_content(measured="out_of_bag")
    found, uncertainty = trust(content), content.evaluation.uncertainty

    assert found is not None
    assert [row.name for row in found.scores] == ["Average member", "Mean of the members", "Calibrated"]
    average, mean, calibrated = (row.cells[0] for row in found.scores)
    loss = uncertainty.calibrated.negative_log_likelihood
    assert (calibrated.value, calibrated.interval) == (f"{loss.value:.5f}", f"{loss.low:.5f} to {loss.high:.5f}")
    assert mean.value == f"{content.evaluation.test.loss:.5f}"
    assert (average.value, average.interval) == (f"{content.mean_member_loss:.5f}", "")


def test_the_best_score_of_a_column_is_marked(make_content: MakeContent) -> None:
    content = make_content(measured="calibration_images", test_size=2000)
    found = trust(content)

    assert found is not None
    assert [row.cells[0].is_best for row in found.scores] == [False, False, True]
    assert all(sum(row.cells[place].is_best for row in found.scores) == 1 for place in range(5))


def test_a_single_member_without_calibration_has_one_row_of_scores(make_content: MakeContent) -> None:
    found = trust(make_content(measured="uncalibrated", members=1))

    assert found is not None
    assert [row.name for row in found.scores] == ["The member"]
    assert not any(cell.is_best for cell in found.scores[0].cells)
    assert found.conformal is None


@pytest.mark.parametrize("measured", ["calibration_images", "out_of_bag", "uncalibrated"])
@pytest.mark.parametrize("kind", ODD)
def test_odd_ensembles_have_a_section_without_a_nan(
    make_content: MakeContent, page_text: PageText, kind: str, measured: str
) -> None:
    content = make_content(measured=measured, **ODD[kind])
    page = render_page(content)

    assert 'id="trust"' in page
    assert not re.search(r"\bnan\b|\binf\b", re.sub(r'src="[^"]*"', "", page), re.IGNORECASE)
    assert trust_conclusion(content) in page_text(content)


def test_every_chart_is_drawn_within_its_axes(make_content: MakeContent) -> None:
    for kind in ODD.values():
        for chart in trust_charts(make_content(measured="calibration_images", **kind)):
            paths = [line.path for line in chart.lines] + [spot.path for line in chart.lines for spot in line.spots]
            places = [float(number) for path in paths for number in re.findall(r"-?\d+\.\d+", path)]
            assert all(-0.01 <= place <= 100.01 for place in places)
            assert chart.x_ticks
            assert chart.y_ticks


def test_mistakes_have_calibrated_probabilities_where_there_are_some(
    make_content: MakeContent, page_text: PageText
) -> None:
    content, plain = make_content(measured="calibration_images"), make_content()

    for card, other, mistake in zip(mistakes(content), mistakes(plain), plain.evaluation.misclassified, strict=True):
        assert card.test_index == other.test_index == mistake.test_index
        assert card.predicted == other.predicted
        assert card.predicted_probability == content.probabilities.calibrated_test[card.test_index].max()
        assert other.predicted_probability == mistake.predicted_probability
        assert other.actual_probability == mistake.actual_probability
    assert "s calibrated probability of the predicted class" in page_text(content)
    assert "s probability of the predicted class" in page_text(plain)


def test_the_most_uncertain_images_are_those_of_the_highest_mutual_information(make_content: MakeContent) -> None:
    content = make_content(measured="out_of_bag", members=5)
    cards = uncertain_images(content)
    measure = content.probabilities.test_uncertainty.mutual_information

    assert len(cards) == 12
    assert [float(card.note) for card in cards] == pytest.approx(sorted(measure, reverse=True)[:12], abs=1e-3)
    assert {card.is_right for card in cards} == {True, False}


def test_uncertain_images_tell_which_members_say_what(make_content: MakeContent, page_text: PageText) -> None:
    content = make_content(measured="out_of_bag", members=5, failed=(1,))
    predictions, names = content.probabilities.test_predictions, content.dataset.class_names

    for card in uncertain_images(content):
        said = dict(zip(("0", "2", "3", "4"), predictions[:, card.test_index], strict=True))
        told = {name: each.class_name for each in card.votes for name in each.members}
        assert told == {name: names[label] for name, label in said.items()}
        sizes = [len(each.members) for each in card.votes]
        assert sizes == sorted(sizes, reverse=True)
    assert "how many members say what" in page_text(content)
    without = replace(content, probabilities=replace(content.probabilities, test_predictions=None))
    assert all(card.votes == () for card in uncertain_images(without))
    assert "how many members say what" not in page_text(without)
    assert "members 0" in render_page(content) or "member 0" in render_page(content)


def test_a_single_member_is_uncertain_by_its_entropy(make_content: MakeContent, page_text: PageText) -> None:
    content = make_content(measured="uncalibrated", members=1)
    highest = content.probabilities.test_uncertainty.predictive_entropy.max()

    assert float(uncertain_images(content)[0].note) == pytest.approx(highest, abs=1e-3)
    assert "with the highest predictive entropy" in page_text(content)


def test_images_that_nobody_is_uncertain_about_are_not_shown(make_content: MakeContent) -> None:
    content = make_content(measured="calibration_images", all_equal=True)

    assert uncertain_images(content) == ()
    assert "Most uncertain images" not in render_page(content)


def test_the_most_confident_mistakes_come_first(make_content: MakeContent) -> None:
    cards = confident_mistakes(make_content(measured="calibration_images", members=3))
    probabilities = [card.predicted_probability for card in cards]

    assert len(cards) == 12
    assert probabilities == sorted(probabilities, reverse=True)
    assert not any(card.is_right for card in cards)
    assert confident_mistakes(make_content(measured="calibration_images", accuracy=1.0)) == ()


def test_probabilities_whose_images_were_not_measured_show_no_uncertain_ones(make_content: MakeContent) -> None:
    content = make_content(measured="calibration_images")
    content = replace(content, probabilities=replace(content.probabilities, test_uncertainty=None))

    assert uncertain_images(content) == ()
    assert "Most uncertain images" not in render_page(content)
