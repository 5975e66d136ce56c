"""Where the predicted variance comes from: noise that no further member lowers, and members that disagree."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from deepchord.coordinator.report.content import percent
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.shared.messages import Target

#: From this share of the variance on the disagreement is what matters.
_MUCH = 0.5


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The variance of one number on the test rows, in the mean; deviations are in the number's own unit."""

    target: Target
    #: The roots of the mean variances: of all, of the noise (aleatoric), of the members' disagreement (epistemic).
    deviation: float
    aleatoric_deviation: float
    epistemic_deviation: float

    @property
    def epistemic_share(self) -> float:
        """The share of the variance that is the members' disagreement."""
        return self.epistemic_deviation**2 / self.deviation**2


def spreads(content: RegressionContent) -> tuple[Spread, ...]:
    """Return the parts of the variance of each number, scaled if that was possible."""
    best = content.best_test
    noise, disagreement = best.aleatoric_variance.mean(axis=0), best.epistemic_variance.mean(axis=0)
    return tuple(
        Spread(
            target=target,
            deviation=sqrt(noise[place] + disagreement[place]),
            aleatoric_deviation=sqrt(noise[place]),
            epistemic_deviation=sqrt(disagreement[place]),
        )
        for place, target in enumerate(content.targets)
    )


def spread_sentence(content: RegressionContent) -> str:
    """Return what may be concluded from the two parts; empty of a single member, which cannot disagree."""
    if content.evaluation.trained < 2:
        return ""
    shares: Mapping[str, float] = {each.target.name: each.epistemic_share for each in spreads(content)}
    largest = max(shares.values())
    told = "what these columns do not tell" if content.dataset.table is not None else "what these images do not tell"
    some = percent(largest, 0) if len(shares) == 1 else f"at most {percent(largest, 0)}"
    if largest >= _MUCH:
        return (
            f"The members' disagreement makes {some} of the predicted variance: more training images like these would "
            "lower it."
        )
    return (
        f"The members' disagreement makes {some} of the predicted variance, which more training images would lower; "
        f"the rest is noise, {told}."
    )
