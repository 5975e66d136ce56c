"""What the ensemble gains over its members, in words: in accuracy and in loss, which need not agree."""

from deepchord.coordinator.report.content import LOSS_DIGITS, ReportContent, points


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
