import json
import re

import numpy as np
import pytest

from deepchord.coordinator.report.findings import (
    abstention_line,
    abstention_words,
    calibration_line,
    calibration_words,
    conclusion,
    trust_panels,
)
from deepchord.coordinator.report.page import render_page
from deepchord.coordinator.report.tables import summary_json
from deepchord.shared.messages import Abstention, EnsembleUncertainty


def test_an_evaluation_of_an_earlier_version_says_nothing_of_trust(make_content, page_text):
    content = make_content()

    assert calibration_line(content) == abstention_line(content) == conclusion(content) == ""
    assert trust_panels(content) == ()
    assert 'id="trust"' not in render_page(content)
    assert "uncertainty" not in json.loads(summary_json(content))


def test_a_calibrated_ensemble_says_what_calibration_changed_and_where_it_comes_from(make_content, page_text):
    content = make_content(trust="calibrated")
    known = content.evaluation.uncertainty

    line = calibration_line(content)
    assert f"Calibrated loss {known.calibrated.negative_log_likelihood.value:.5f}, calibration error" in line
    text = page_text(content)
    assert conclusion(content).split(".")[0] in text
    assert calibration_words(content) in text
    assert "training images, each predicted only by members that held it out" in text
    assert "No test image had a say" in text
    assert abstention_line(content) in text
    assert "Sets instead of one answer" in text


def test_without_a_calibration_the_page_says_why_and_where_thresholds_come_from(make_content, page_text):
    content = make_content(trust="alone", records=False)

    assert calibration_line(content) == calibration_words(content) == ""
    text = page_text(content)
    assert "They are not calibrated, because it is not known which images the members were trained on." in text
    assert "The thresholds were chosen on the test images themselves" in text
    assert "Sets instead of one answer" not in text


@pytest.mark.parametrize(
    ("abstention", "words"),
    [
        (
            Abstention(risk=0.01, threshold=0.9, coverage=0.69, test_risk=0.008),
            "Asked to be wrong in at most 1 % of its answers, it answers 69.0 % (wrong: 0.8 %)",
        ),
        (
            Abstention(risk=0.005, threshold=None, coverage=0.0, test_risk=None),
            "No confidence is high enough to be wrong in at most 0.5 % of the answers",
        ),
        (
            Abstention(risk=0.05, threshold=1.0, coverage=0.0, test_risk=None),
            "No confidence is high enough to be wrong in at most 5 % of the answers",
        ),
    ],
)
def test_it_is_said_how_much_is_answered_for_a_risk(abstention: Abstention, words: str):
    assert abstention_words(abstention).replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    "made", [{"test_size": 3}, {"members": 1}, {"accuracy": 1.0}, {"accuracy": 0.0}, {"classes": 2}]
)
@pytest.mark.parametrize("trust", ["calibrated", "alone"])
def test_odd_ensembles_have_finite_curves_and_a_page(make_content, page_text, made, trust):
    content = make_content(trust=trust, **made)

    for panel in trust_panels(content):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", f"{panel.before} {panel.after} {panel.dots}")]
        assert np.isfinite(numbers).all()
    assert not re.search(r"\bnan\b|\binf\b", page_text(content), re.IGNORECASE)


def test_the_summary_has_every_number_under_its_full_name(make_content):
    content = make_content(trust="calibrated")
    found = json.loads(summary_json(content))["uncertainty"]

    assert set(found["calibrated"]) >= {"negative_log_likelihood", "brier_score", "expected_calibration_error"}
    assert EnsembleUncertainty.model_validate(found) == content.evaluation.uncertainty
