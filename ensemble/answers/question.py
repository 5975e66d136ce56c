"""What is asked about images or rows, with the thresholds that it needs."""

from dataclasses import dataclass

from deepchord.ensemble.thresholds import confidence_threshold, conformal_thresholds
from deepchord.shared.messages import ConformalSets, EnsembleDescription
from deepchord.shared.uncertainty import ConformalMethod


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked about images besides their probabilities, or about rows besides their numbers."""

    #: Images below this calibrated confidence are not answered; None: that is not asked.
    threshold: float | None = None
    #: The thresholds of conformal sets; None: no sets are asked for.
    sets: ConformalSets | None = None
    #: Whether the probabilities of each member, or their means, are wanted.
    members: bool = False


def ask(
    description: EnsembleDescription,
    *,
    risk: float | None,
    sets: float | None,
    set_method: ConformalMethod,
    per_class: bool,
    members: bool,
) -> Question:
    """Return a question with its thresholds; see `Ensemble.predict` for the arguments.

    Raises:
        InputError: The ensemble has no thresholds for this risk or level, or it predicts no classes.
    """
    return Question(
        threshold=None if risk is None else confidence_threshold(description, risk),
        sets=None if sets is None else conformal_thresholds(description, sets, set_method, per_class=per_class),
        members=members,
    )
