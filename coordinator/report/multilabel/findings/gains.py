"""What an ensemble of labels gains over its members, in sentences."""

from deepchord.coordinator.report.content import LOSS_DIGITS, percent
from deepchord.coordinator.report.multilabel.content import MultilabelContent


def gain_sentence(content: MultilabelContent) -> str:
    """Return the share of wrong labels of the ensemble, of its average and of its best member in a line."""
    found = content.evaluation.test.hamming_loss.value
    average, best = content.average_member("hamming_loss"), content.best_member("hamming_loss")
    return (
        f"Wrong labels (Hamming loss) {percent(found)}, {percent(average)} for the average member, {percent(best)} for "
        "the best"
    )


def loss_sentence(content: MultilabelContent) -> str:
    """Return the negative log-likelihoods in a line."""
    evaluation, average = content.evaluation, content.average_member("negative_log_likelihood")
    calibrated = evaluation.calibrated_test
    after = "" if calibrated is None else f", {calibrated.negative_log_likelihood.value:.{LOSS_DIGITS}f} calibrated"
    return (
        f"NLL (binary cross-entropy) {evaluation.test.negative_log_likelihood.value:.{LOSS_DIGITS}f}{after}, "
        f"{average:.{LOSS_DIGITS}f} for the average member (nats, lower is better)"
    )
