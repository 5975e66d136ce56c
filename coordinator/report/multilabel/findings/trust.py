"""How far the probabilities of labels can be trusted, in sentences."""

from deepchord.coordinator.report.content import count, percent, percent_range
from deepchord.coordinator.report.multilabel.content import MultilabelContent


def conclusion(content: MultilabelContent) -> str:
    """Return what a reader may conclude from the probabilities, in plain words."""
    best = content.evaluation.best
    error, size = best.calibration_error, len(content.dataset.y_test)
    return (
        "Of labels that get a probability of 70 % about 70 % should apply. Over the "
        f"{count(len(content.labels), 'label')} of {count(size, 'test image')} the probabilities were off by "
        f"{percent(error.value)} on average ({percent_range(error.low, error.high)}). All labels were right "
        f"for {percent(best.exact_match.value)} of the test images."
    )


def calibration_sentence(content: MultilabelContent) -> str:
    """Return in a sentence where the calibration comes from."""
    calibration = content.evaluation.calibration
    if calibration is None:
        return "No image was held out to calibrate on: probabilities are the mean of the members' as it is."
    rows = count(calibration.images, "training image")
    whose = (
        f"{rows} that no member was trained on"
        if calibration.source == "calibration_images"
        else f"{rows} that members held out for their validation"
    )
    before, after = content.evaluation.test.calibration_error, content.evaluation.best.calibration_error
    return (
        f"The logits of the mean probabilities are divided by the temperature {calibration.temperature:.2f}: above 1 "
        f"makes them less certain, below 1 more. It was fitted on all labels of {whose}, each predicted by "
        f"{calibration.members_per_image:.1f} members on average; the calibration error is {percent(after.value)}, "
        f"{percent(before.value)} before. It moves no probability across 50 %."
    )


def spread_sentence(content: MultilabelContent) -> str:
    """Return in a sentence where the uncertainty comes from."""
    measured = content.probabilities.test_uncertainty
    total = float(measured.predictive_entropy.mean())
    share = float(measured.mutual_information.mean()) / total if total > 0 else 0.0
    return (
        f"A label's uncertainty is {total:.3f} nats on average (at most 0.693); {percent(share, 1)} of it is what the "
        "members disagree about."
    )
