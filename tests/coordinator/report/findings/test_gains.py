from collections.abc import Callable
from dataclasses import replace
from statistics import fmean

import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.content import TeacherResults
from deepchord.coordinator.report.findings import accuracy_gains, disagreement_of_gains, kept_rows, loss_gain
from deepchord.shared.messages import Scores

MakeContent = Callable[..., ReportContent]


def with_scores(content: ReportContent, ensemble: Scores, *members: Scores) -> ReportContent:
    own = tuple(
        member.model_copy(update={"test": scores})
        for member, scores in zip(content.evaluation.members, members, strict=True)
    )
    return replace(content, evaluation=content.evaluation.model_copy(update={"test": ensemble, "members": own}))


def test_gains_are_told_in_accuracy_and_in_loss(make_content: MakeContent) -> None:
    members = (Scores(loss=0.25, accuracy=0.9), Scores(loss=0.35, accuracy=0.92))
    content = with_scores(make_content(members=2), Scores(loss=0.2, accuracy=0.935), *members)

    assert accuracy_gains(content) == "+2.50 points over the average member, +1.50 points over the best"
    assert loss_gain(content) == "Test loss 0.20000, 0.30000 for the average member (lower is better)"


def test_a_loss_is_no_gain_over_anybody(make_content: MakeContent) -> None:
    members = (Scores(loss=0.25, accuracy=0.9), Scores(loss=0.35, accuracy=0.92))
    content = with_scores(make_content(members=2), Scores(loss=0.2, accuracy=0.91), *members)

    assert accuracy_gains(content) == "±0.00 points against the average member, \u22121.00 points against the best"


def test_what_was_kept_has_the_unseen_images_of_ensemble_average_member_and_run(make_content: MakeContent) -> None:
    content, taught = (make_content(measured="out_of_bag", studied=True, members=members) for members in (1, 4))
    teacher = TeacherResults(
        run_id="teacher", evaluation=taught.evaluation, unseen={"strangers": (taught.unseen, content.unseen)}
    )

    ensemble, average, own = kept_rows(replace(content, teacher=teacher))

    areas = [[each.area_under_roc for each in member.detection] for member in taught.unseen.members]
    assert ensemble.unseen == {"strangers": taught.unseen.best.area_under_roc}
    assert average.unseen == {"strangers": pytest.approx(max(map(fmean, zip(*areas, strict=True))))}
    assert own.unseen == {"strangers": content.unseen.best.area_under_roc}
    older = taught.unseen.model_copy(update={"members": ()})
    teacher = replace(teacher, unseen={"strangers": (older, content.unseen)})
    assert kept_rows(replace(content, teacher=teacher))[1].unseen == {}


@pytest.mark.parametrize(
    ("loss", "accuracy", "begins"),
    [
        (0.094, 0.9786, "It is right less often than the average member, but its probabilities are better"),
        (0.120, 0.9900, "It is right more often than the average member, but its probabilities are worse"),
        (0.094, 0.9900, ""),
        (0.120, 0.9786, ""),
        (0.094, 0.9800, ""),
    ],
)
def test_accuracy_and_loss_that_contradict_each_other_are_explained(
    make_content: MakeContent, loss: float, accuracy: float, begins: str
) -> None:
    members = (Scores(loss=0.1, accuracy=0.98), Scores(loss=0.112, accuracy=0.98))
    content = with_scores(make_content(members=2), Scores(loss=loss, accuracy=accuracy), *members)

    assert disagreement_of_gains(content).startswith(begins)
    assert bool(disagreement_of_gains(content)) == bool(begins)
