from collections.abc import Callable
from dataclasses import replace

import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.findings import (
    detection_rows,
    entropy_counts,
    shift_curves,
    shift_rows,
    shift_sentence,
    size_curves,
    size_sentence,
    unseen_line,
    unseen_sentence,
)
from deepchord.shared.messages import SHIFT_KINDS, Estimate, MemberGain, SizedEnsemble, UnseenScores

MakeContent = Callable[..., ReportContent]


def test_an_evaluation_alone_says_nothing_of_unseen_and_shifted_images(make_content: MakeContent) -> None:
    content = make_content(measured="out_of_bag")

    assert (detection_rows(content), shift_curves(content), shift_rows(content)) == ((), (), ())
    assert (unseen_sentence(content), unseen_line(content), shift_sentence(content)) == ("", "", "")
    assert size_curves(make_content()) == ()
    assert size_sentence(make_content()) == ""


def test_the_best_measure_is_told(make_content: MakeContent) -> None:
    content = make_content(measured="out_of_bag", studied=True)
    best = max(content.unseen.detection, key=lambda each: each.area_under_roc)
    words = {"confidence": "confidence", "predictive_entropy": "predictive entropy"}
    words["mutual_information"] = "mutual information"

    assert [row.is_best for row in detection_rows(content)].count(True) == 1
    assert f"AUROC {best.area_under_roc:.3f} by {words[best.measure]}" in unseen_line(content)
    assert f"{100 * best.area_under_roc:.1f}\u00a0%" in unseen_sentence(content)
    own = content.unseen.average_members
    assert [row.average_member for row in detection_rows(content)] == [*own.values(), None]
    told = f"({own[best.measure]:.3f} for the average member)" if best.measure in own else words[best.measure]
    assert told in unseen_line(content)
    counts = entropy_counts(content)
    assert counts is not None
    assert sum(counts.unseen) == pytest.approx(1)


def test_a_study_of_an_earlier_version_tells_of_no_average_member(make_content: MakeContent) -> None:
    content = make_content(measured="out_of_bag", studied=True)
    older = content.unseen.model_dump(exclude={"members"})

    content = replace(content, unseen=UnseenScores.model_validate(older))

    assert [row.average_member for row in detection_rows(content)] == [None, None, None]
    assert "average member" not in unseen_line(content)


@pytest.mark.parametrize("measured", ["calibration_images", "uncalibrated"])
def test_curves_begin_at_the_test_images_as_they_are(make_content: MakeContent, measured: str) -> None:
    content = make_content(measured=measured, studied=True)
    uncertainty = content.evaluation.uncertainty
    accuracy, loss, error = shift_curves(content)

    kinds = [line.kind for line in accuracy.lines]
    assert kinds == (["members", "mean", "calibrated"] if measured == "calibration_images" else ["members", "mean"])
    assert all(len(line.values) == 6 for curve in (accuracy, loss, error) for line in curve.lines)
    assert loss.lines[1].values[0] == uncertainty.mean.negative_log_likelihood.value
    rows = shift_rows(content)
    assert len(rows) == len(SHIFT_KINDS)
    assert [len(row.scores) for row in rows] == [5] * len(rows)
    first = content.shifted[0]
    assert rows[0].scores[0] == (first.calibrated or first.mean)


@pytest.mark.parametrize(
    ("losses", "fall", "said"),
    [
        ((0.5, 0.4, 0.3), None, "The last member brought the loss down by 25.00\u00a0%: more may still help."),
        ((0.5, 0.4, 0.3996), None, "The last member brought the loss down by 0.10\u00a0%: more would hardly help."),
        ((0.5, 0.4, 0.41), None, "The last member did not bring the loss down: more would hardly help."),
        (
            (0.5, 0.4, 0.3),
            0.001,
            "down by 25.00\u00a0%; as images tell that members held out, one more would bring it down by 0.20\u00a0%: "
            "more would hardly help.",
        ),
    ],
)
def test_it_is_told_what_the_last_member_brought(
    make_content: MakeContent, losses: tuple[float, ...], fall: float | None, said: str
) -> None:
    content = make_content(measured="calibration_images")

    def estimate(value: float) -> Estimate:
        return Estimate(value=value, low=value, high=value)

    sizes = tuple(
        SizedEnsemble(
            members=members,
            accuracy=estimate(0.9),
            negative_log_likelihood=estimate(loss),
            expected_calibration_error=estimate(0.01),
        )
        for members, loss in enumerate(losses, start=1)
    )
    told = None if fall is None else MemberGain(images=9, members_per_image=2, loss=0.5, fall=fall)
    uncertainty = content.evaluation.uncertainty.model_copy(update={"by_size": sizes, "next_member": told})
    object.__setattr__(content, "evaluation", content.evaluation.model_copy(update={"uncertainty": uncertainty}))

    assert size_sentence(content).endswith(said)
    assert size_sentence(content).startswith("One member alone has a loss of 0.50000")
