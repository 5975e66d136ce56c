import io
import json
from math import log
from statistics import fmean

import pytest
from rich.console import Console

from deepchord.coordinator.report.findings import detection_rows, unseen_line
from deepchord.coordinator.report.regression.findings import (
    shift_curves,
    shift_rows,
    shift_sentence,
    shown_of_all,
    unseen_sentence,
)
from deepchord.coordinator.report.regression.page import render_page
from deepchord.coordinator.report.regression.tables import summary_json, summary_table
from deepchord.shared.messages import SHIFT_KINDS


def test_an_evaluation_alone_says_nothing_of_unseen_and_shifted_images(make_numbers) -> None:
    content = make_numbers()

    assert (detection_rows(content), shift_curves(content), shift_rows(content)) == ((), (), ())
    assert (unseen_sentence(content), unseen_line(content), shift_sentence(content)) == ("", "", "")
    assert not {"unseen", "shifted"} & json.loads(summary_json(content))["ensemble"].keys()


def test_rows_unlike_the_training_are_told_everywhere(make_numbers, numbers_text) -> None:
    content = make_numbers(studied=True)
    best = content.unseen.best

    assert [row.measure for row in detection_rows(content)] == [
        "Total variance",
        "Epistemic variance",
        "Aleatoric variance",
    ]
    # Lines have the same noise everywhere, and their slopes disagree.
    assert best.measure in ("total_variance", "epistemic_variance")
    assert best.area_under_roc > 0.6
    assert [row.average_member is None for row in detection_rows(content)] == [False, True, True]
    assert f"AUROC {best.area_under_roc:.3f} by {best.measure.replace('_', ' ')}" in unseen_line(content)
    text = numbers_text(content)
    assert "What it has never seen" in text
    assert "120\u00a0unseen rows against 120\u00a0test rows, from the members" in text
    assert (
        "variances as they are. AUROC: how often an unseen row gets the higher measure than a test row, also by" in text
    )
    assert "What has been shifted" not in text
    assert "strangers &lt;b&gt;" in render_page(content)
    told = json.loads(summary_json(content))["ensemble"]["unseen"]
    assert told["detection"][1]["area_under_roc"] == pytest.approx(content.unseen.detection[1].area_under_roc, rel=1e-5)
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(summary_table(content, 400))
    assert "120\u00a0unseen rows of strangers <b>" in console.export_text()


@pytest.mark.parametrize("options", [{"targets": ("rent",)}, {"targets": ("rent", "age"), "held_out": False}])
def test_curves_of_shifted_images_begin_at_the_test_images_as_they_are(make_numbers, numbers_text, options) -> None:
    content = make_numbers(of_images=True, studied=True, **options)
    evaluation, is_scaled = content.evaluation, "held_out" not in options

    error, loss, covered = shift_curves(content)

    assert [line.kind for line in error.lines] == ["members", "predicted"]
    assert [line.kind for line in loss.lines] == ["members", "predicted", "scaled"][: 2 + is_scaled]
    assert shown_of_all(content.evaluation).method == ("conformal" if is_scaled else "predicted")
    assert [line.kind for line in covered.lines] == ["predicted", "conformal"][: 1 + is_scaled]
    assert all(len(line.values) == 6 for curve in (error, loss, covered) for line in curve.lines)
    losses = [
        scores.negative_log_likelihood - log(target.scale)
        for scores, target in zip(evaluation.test, content.targets, strict=True)
    ]
    assert loss.lines[1].values[0] == pytest.approx(fmean(losses))
    rows = shift_rows(content)
    assert [len(row.cells) for row in rows] == [5] * len(SHIFT_KINDS)
    first = content.shifted[0]
    shown = first.conformal_coverage[2] if is_scaled else first.mean.coverage[2]
    assert rows[0].cells[0].coverage == shown
    assert rows[0].cells[0].error.endswith("standard deviations") == (len(content.targets) > 1)
    assert f"intervals of 90\u00a0% ({shown_of_all(content.evaluation).method}) hold" in shift_sentence(content)
    assert "What has been shifted" in numbers_text(content)
    assert len(json.loads(summary_json(content))["ensemble"]["shifted"]) == 35
