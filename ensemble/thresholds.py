"""The thresholds of a finished ensemble: found by the risk or the level that somebody asks for."""

import math
from collections.abc import Sequence

from deepchord.shared.errors import InputError
from deepchord.shared.messages import ConformalSets, EnsembleDescription
from deepchord.shared.uncertainty import ConformalMethod

#: Above every confidence: an image is never answered.
NEVER = math.inf


def confidence_threshold(description: EnsembleDescription, risk: float) -> float:
    """Return the calibrated confidence from which on images are answered, so that few answers are wrong.

    Args:
        description: The ensemble.
        risk: The share of answers that may be wrong; one of those that the run's evaluation chose a threshold for.

    Returns:
        The threshold; infinity if no threshold reached the risk on the images for the calibration.

    Raises:
        InputError: There is no threshold for this risk, or numbers or labels are predicted.
    """
    _refuse_others(description)
    found = next((each for each in description.abstentions if math.isclose(each.risk, risk, rel_tol=1e-6)), None)
    if found is None:
        raise InputError(
            _unknown(
                description,
                f"abstaining at a risk of {_percent(risk)}",
                [_percent(e.risk) for e in description.abstentions],
            )
        )
    return NEVER if found.threshold is None else found.threshold


def conformal_thresholds(
    description: EnsembleDescription, level: float, method: ConformalMethod, *, per_class: bool
) -> ConformalSets:
    """Return the thresholds of sets that hold the actual class with a given probability.

    Args:
        description: The ensemble.
        level: The probability, one of those that the run's evaluation has thresholds for.
        method: The score of a class, see `deepchord.shared.uncertainty.conformal_scores`.
        per_class: Whether the probability is to hold within each class.

    Raises:
        InputError: There are no thresholds for this level, or numbers or labels are predicted.
    """
    _refuse_others(description)
    guarantee = "class" if per_class else "marginal"
    for sets in description.conformal:
        if (sets.method, sets.guarantee) == (method, guarantee) and math.isclose(sets.level, level, rel_tol=1e-6):
            return sets
    known = [_percent(each) for each in sorted({each.level for each in description.conformal})]
    raise InputError(_unknown(description, f"sets of level {_percent(level)}", known))


def parse_share(text: str | None, name: str) -> float | None:
    """Return a share that somebody wrote as `1%` or `0.01`; None if nothing was written.

    Args:
        text: What was written.
        name: What it is called, for the error.

    Raises:
        InputError: It is no number between 0 and 1.
    """
    if text is None:
        return None
    given = text.strip()
    try:
        value = float(given.removesuffix("%")) / (100 if given.endswith("%") else 1)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise InputError(f"{name} is {text!r}; expected a share between 0 and 1, such as 1% or 0.01.")
    return value


def _percent(share: float) -> str:
    """Return a share as people give it to commands."""
    return f"{100 * share:g}%"


def parse_shares(texts: Sequence[str], name: str) -> tuple[float, ...]:
    """Return several shares, each once; see `parse_share`."""
    shares = (parse_share(text, name) for text in texts)
    return tuple(dict.fromkeys(share for share in shares if share is not None))


def _refuse_others(description: EnsembleDescription) -> None:
    if description.multilabel is not None:
        raise InputError(
            f"Run {description.run_id} predicts labels: abstaining and sets are for classes, of which one applies; "
            "each label has its own calibrated probability."
        )
    if description.regression is not None:
        raise InputError(
            f"Run {description.run_id} predicts numbers: abstaining and sets are for classes, and numbers have "
            "intervals instead (--level, in Python intervals(level))."
        )


def _unknown(description: EnsembleDescription, wanted: str, known: list[str]) -> str:
    if known:
        return f"Run {description.run_id} has no thresholds for {wanted}; it has them for {', '.join(known)}."
    return (
        f"Run {description.run_id} has no thresholds for {wanted}: it is not calibrated. A calibration_fraction in "
        "the recipe keeps images for that."
    )
