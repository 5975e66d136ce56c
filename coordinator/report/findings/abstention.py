"""What becomes of the answers if the ensemble may abstain from those that it is not sure of, in sentences."""

from math import isclose

from deepchord.coordinator.report.content import ReportContent, percent
from deepchord.shared.messages import Abstention

#: The share of wrong answers that the terminal tells of.
_TOLD = 0.01


def abstention_sentence(abstention: Abstention) -> str:
    """Return how many test images the ensemble answers if at most a given share of its answers may be wrong."""
    asked = f"Asked to be wrong in at most {percent_of_risk(abstention.risk)} of its answers, it"
    if abstention.threshold is None:
        return f"{asked} never reaches that, however few images it answers"
    if abstention.test_risk is None:
        return f"{asked} answers none of the test images"
    answered = (
        "all test images" if abstention.coverage == 1 else f"{percent(abstention.coverage, 1)} of the test images"
    )
    return f"{asked} answers {answered} (and is wrong in {percent(abstention.test_risk)})"


def abstention_line(content: ReportContent) -> str:
    """Return the sentence for 1 % of wrong answers; empty if it is not known."""
    uncertainty = content.evaluation.uncertainty
    abstentions = () if uncertainty is None else uncertainty.selective.abstentions
    told = next((abstention for abstention in abstentions if isclose(abstention.risk, _TOLD)), None)
    if uncertainty is None or told is None:
        return ""
    is_own = uncertainty.selective.source == "test_images" and told.threshold is not None
    return abstention_sentence(told) + ("; the threshold was chosen on these images themselves" if is_own else "")


def abstention_source(content: ReportContent) -> str:
    """Return in a sentence where the thresholds of confidence come from; empty if nothing was measured."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None:
        return ""
    if uncertainty.selective.source == "test_images":
        return (
            "The thresholds of confidence were chosen on the test images themselves: on others expect it to be wrong "
            "somewhat more often."
        )
    return (
        "The thresholds of confidence were chosen on the training images of the calibration, and the answers counted "
        "on the test images: they may be wrong a little more or less often than was asked for."
    )


def percent_of_risk(risk: float) -> str:
    """Return a share of wrong answers with as few digits as it has: `0.5 %`."""
    return percent(risk, len(f"{100 * risk:g}".partition(".")[2]))
