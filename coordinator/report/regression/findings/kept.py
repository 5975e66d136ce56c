"""What a network keeps that learnt from an ensemble of numbers."""

from collections.abc import Sequence
from statistics import fmean

from pydantic import Field

from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings.gains import overall_error, standardised_loss
from deepchord.coordinator.report.regression.findings.target_rows import shown_of_all
from deepchord.coordinator.report.regression.findings.units import in_deviations
from deepchord.shared.messages import RegressionEvaluation, Target
from deepchord.shared.validation import Message

#: A gain of less than this share of the average member's error is none that could be kept.
_HARDLY = 0.001


class KeptNumbers(Message):
    """The test scores of one of three: an ensemble, its average member, and the network that learnt from it."""

    name: str
    #: Over all numbers, in their standard deviations.
    root_mean_squared_error: float
    #: Of the standardised numbers, the mean over them, in nats; with the scaled variance, except for the member.
    negative_log_likelihood: float
    #: The share of the numbers in the intervals of 90 %; None: those of a member were not measured.
    coverage: float | None = None
    #: The area under the ROC curve by the measure that is best, by the name of the unseen images; of the average member
    #: the mean of the members' own areas.
    unseen: dict[str, float] = Field(default_factory=dict)


def kept_rows(content: RegressionContent) -> tuple[KeptNumbers, ...]:
    """Return what stands beside each other of a distilled run; empty if it is none, or its teacher is gone."""
    teacher = content.teacher
    if teacher is None:
        return ()
    targets, members = content.targets, teacher.evaluation.members
    alone = {name: pair[0].average_members for name, pair in teacher.unseen.items()}
    average = KeptNumbers(
        name="average member",
        root_mean_squared_error=fmean(overall_error(member.test, targets) for member in members),
        negative_log_likelihood=fmean(standardised_loss(member.test, targets) for member in members),
        unseen={name: max(areas.values()) for name, areas in alone.items() if areas},
    )
    taught, own = (
        {name: pair[place].best.area_under_roc for name, pair in teacher.unseen.items()} for place in range(2)
    )
    return (
        _row("ensemble", teacher.evaluation, targets, taught),
        average,
        _row("this run", content.evaluation, targets, own),
    )


def kept_sentence(content: RegressionContent) -> str:
    """Return how much of the ensemble's gain over its average member a distilled run keeps; else an empty text."""
    teacher = content.teacher
    if teacher is None:
        return ""
    ensemble, average, own = (row.root_mean_squared_error for row in kept_rows(content))
    told = {
        name: in_deviations(error, content.targets)
        for name, error in (("ensemble", ensemble), ("average", average), ("own", own))
    }
    learnt = (
        f"It learnt from the {teacher.evaluation.trained} members of {teacher.run_id}, and has an error (RMSE) of "
        f"{told['own']}, where their ensemble has {told['ensemble']}"
    )
    gain = average - ensemble
    if gain < _HARDLY * average:
        return f"{learnt}."
    share = f"{100 * (average - own) / gain:.0f}\u00a0%" if own < average else "none"
    cost = 100 * content.evaluation.trained / teacher.evaluation.trained
    return (
        f"{learnt} and their average member {told['average']}: it keeps {share} of the gain in error, and a prediction "
        f"costs {cost:.0f}\u00a0% of theirs."
    )


def _row(
    name: str, evaluation: RegressionEvaluation, targets: Sequence[Target], unseen: dict[str, float]
) -> KeptNumbers:
    return KeptNumbers(
        name=name,
        root_mean_squared_error=overall_error(evaluation.test, targets),
        negative_log_likelihood=standardised_loss(evaluation.scaled_test or evaluation.test, targets),
        coverage=fmean(shown_of_all(evaluation).coverage),
        unseen=unseen,
    )
