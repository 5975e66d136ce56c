"""What an ensemble gains over its average member where numbers are predicted, and its error over all numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from statistics import fmean

from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings.units import SCORE_DIGITS, in_unit
from deepchord.shared.messages import Target, TargetScores


@dataclass(frozen=True, kw_only=True)
class ErrorGain:
    """The root mean squared errors of one number on the test rows."""

    target: Target
    ensemble: float
    average_member: float
    best_member: float

    @property
    def fall(self) -> float:
        """By which share of the average member's error the ensemble's is lower; below 0: it is higher."""
        return (self.average_member - self.ensemble) / self.average_member if self.average_member else 0.0


def error_gains(content: RegressionContent) -> tuple[ErrorGain, ...]:
    """Return the gain of each number."""
    evaluation = content.evaluation
    return tuple(
        ErrorGain(
            target=target,
            ensemble=evaluation.test[place].root_mean_squared_error,
            average_member=evaluation.mean_member_error[place],
            best_member=min(member.test[place].root_mean_squared_error for member in evaluation.members),
        )
        for place, target in enumerate(content.targets)
    )


def fall_words(fall: float) -> str:
    """Return a share by which something is lower in words: `3.3 % lower`, `0.2 % higher`, `the same`."""
    text = f"{abs(100 * fall):.1f}"
    if float(text) == 0:
        return "the same"
    return f"{text}\u00a0% {'lower' if fall > 0 else 'higher'}"


def error_gain_sentence(gain: ErrorGain) -> str:
    """Return the errors of the ensemble, of its average and of its best member in a line."""
    ensemble, average, best = (
        in_unit(error, gain.target) for error in (gain.ensemble, gain.average_member, gain.best_member)
    )
    return f"RMSE {ensemble}, {average} for the average member ({fall_words(gain.fall)}), {best} for the best"


def loss_gain_sentence(content: RegressionContent, target: int) -> str:
    """Return the negative log-likelihoods of a number in a line."""
    evaluation = content.evaluation
    loss = evaluation.test[target].negative_log_likelihood
    average = content.average_member(target).negative_log_likelihood
    scaled = evaluation.scaled_test[target].negative_log_likelihood if evaluation.scaled_test else None
    average_text = f"{average:.{SCORE_DIGITS}f} for the average member"
    after = "" if scaled is None else f", {scaled:.{SCORE_DIGITS}f} with the scaled variance"
    return f"NLL {loss:.{SCORE_DIGITS}f}{after}, {average_text} (nats, lower is better)"


def overall_error(scores: Sequence[TargetScores], targets: Sequence[Target]) -> float:
    """Return the root mean squared error over all numbers, each in its standard deviations in the training rows."""
    shares = [each.root_mean_squared_error / target.scale for each, target in zip(scores, targets, strict=True)]
    return sqrt(sum(share**2 for share in shares) / len(shares))


def standardised_loss(scores: Sequence[TargetScores], targets: Sequence[Target]) -> float:
    """Return the mean over the numbers of their negative log-likelihoods, each standardised; nats."""
    return fmean(each.negative_log_likelihood - log(target.scale) for each, target in zip(scores, targets, strict=True))
