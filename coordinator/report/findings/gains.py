"""What the ensemble gains over its members, in accuracy and in loss; and what a network that learnt from it keeps."""

from statistics import fmean

from pydantic import Field

from deepchord.coordinator.report.content import LOSS_DIGITS, ReportContent, percent, points
from deepchord.shared.messages import EnsembleEvaluation
from deepchord.shared.validation import Message


def gain_words(difference: float) -> str:
    """Return the words behind a difference in points: `points over` for a gain, else `points against`."""
    return "points over" if points(difference).startswith("+") else "points against"


def accuracy_gains(content: ReportContent) -> str:
    """Return the gains in test accuracy in a line."""
    average, best = content.gain_over_average, content.gain_over_best
    return f"{points(average)} {gain_words(average)} the average member, {points(best)} {gain_words(best)} the best"


def loss_gain(content: ReportContent) -> str:
    """Return the test losses of the ensemble and of the average member in a line."""
    loss, mean = content.evaluation.test.loss, content.mean_member_loss
    return f"Test loss {loss:.{LOSS_DIGITS}f}, {mean:.{LOSS_DIGITS}f} for the average member (lower is better)"


def disagreement_of_gains(content: ReportContent) -> str:
    """Return a sentence if the ensemble is better in accuracy and worse in loss, or vice versa; else an empty text."""
    accuracy = content.gain_over_average
    loss = content.evaluation.test.loss - content.mean_member_loss
    if accuracy < 0 and loss < 0:
        return "It is right less often than the average member, but its probabilities are better: its loss is lower."
    if accuracy > 0 and loss > 0:
        return "It is right more often than the average member, but its probabilities are worse: its loss is higher."
    return ""


class KeptRow(Message):
    """The test scores of one of three: an ensemble, its average member, and the network that learnt from it.

    Loss (negative log-likelihood in nats) and calibration error are of calibrated probabilities, if there are some.
    """

    name: str
    accuracy: float
    loss: float
    #: In [0, 1]; None: an earlier version did not measure it.
    calibration_error: float | None
    #: The area under the ROC curve by the measure that is best, by the name of the unseen images; of the average member
    #: the mean of the members' own areas. Without images that were not asked for, or by an earlier version.
    unseen: dict[str, float] = Field(default_factory=dict)


def kept_rows(content: ReportContent) -> tuple[KeptRow, ...]:
    """Return what stands beside each other of a distilled run; empty if it is none, or its teacher is gone."""
    teacher = content.teacher
    if teacher is None:
        return ()
    uncertainty = teacher.evaluation.uncertainty
    errors = () if uncertainty is None else uncertainty.members
    alone = {name: pair[0].average_members for name, pair in teacher.unseen.items()}
    average = KeptRow(
        name="average member",
        accuracy=teacher.evaluation.mean_member_accuracy,
        loss=fmean(member.test.loss for member in teacher.evaluation.members),
        calibration_error=fmean(each.scores.expected_calibration_error.value for each in errors) if errors else None,
        unseen={name: max(areas.values()) for name, areas in alone.items() if areas},
    )
    taught = {name: pair[0].best.area_under_roc for name, pair in teacher.unseen.items()}
    own = {name: pair[1].best.area_under_roc for name, pair in teacher.unseen.items()}
    return (
        _kept_row("ensemble", teacher.evaluation, taught),
        average,
        _kept_row("this run", content.evaluation, own),
    )


def kept_sentence(content: ReportContent) -> str:
    """Return how much of the ensemble's gain over its average member a distilled run keeps; else an empty text."""
    teacher = content.teacher
    if teacher is None:
        return ""
    ensemble, average, own = kept_rows(content)
    gain, kept = ensemble.accuracy - average.accuracy, own.accuracy - average.accuracy
    learnt = f"It learnt from the {teacher.evaluation.trained} members of {teacher.run_id}"
    reached = f"reaches {percent(own.accuracy)}, where their ensemble reaches {percent(ensemble.accuracy)}"
    if gain < 0.5 / len(content.dataset.y_test):  # less than an image: the mean of accuracies is rounded
        return f"{learnt}, and {reached}."
    share = f"{100 * kept / gain:.0f}\u00a0%" if kept > 0 else "none"
    cost = 100 * content.evaluation.trained / teacher.evaluation.trained
    return (
        f"{learnt}, and {reached} and their average member {percent(average.accuracy)}: it keeps {share} of the gain "
        f"in accuracy, and a prediction costs {cost:.0f}\u00a0% of theirs."
    )


def _kept_row(name: str, evaluation: EnsembleEvaluation, unseen: dict[str, float]) -> KeptRow:
    uncertainty = evaluation.uncertainty
    scores = None if uncertainty is None else uncertainty.calibrated or uncertainty.mean
    return KeptRow(
        name=name,
        accuracy=evaluation.test.accuracy,
        loss=evaluation.test.loss if scores is None else scores.negative_log_likelihood.value,
        calibration_error=None if scores is None else scores.expected_calibration_error.value,
        unseen=unseen,
    )
