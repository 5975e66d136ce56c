"""Where the scaling of the variance comes from, and what may be concluded from the intervals, in sentences."""

from deepchord.coordinator.report.content import count, isolated, percent
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings.coverage import chance_range
from deepchord.coordinator.report.regression.findings.target_rows import TargetRows, target_rows
from deepchord.coordinator.report.regression.findings.units import in_unit


def scaling_source(content: RegressionContent) -> str:
    """Return in a sentence where the scaling comes from."""
    scaling = content.evaluation.scaling
    if scaling is None:
        return "No image was held out to fit the variance on: it is as the ensemble predicts it."
    factors = ", ".join(f"{factor:.2f}" for factor in scaling.factors)
    by = f"each predicted by {scaling.members_per_row:.1f} members on average"
    rows = (
        f"{count(scaling.rows, 'training image')} that no member was trained on, {by}"
        if scaling.source == "calibration_images"
        else f"{count(scaling.rows, 'training image')} that members held out for their validation, {by}"
    )
    above = "above 1 makes intervals wider, below 1 narrower"
    return f"The predicted variance is multiplied by {factors} ({above}), fitted on {rows}."


def conclusion(content: RegressionContent) -> str:
    """Return what a reader may conclude from the intervals, in plain words."""
    return " ".join(_conclusion(content, rows) for rows in target_rows(content))


def guarantee(content: RegressionContent) -> str:
    """Return how far the conformal intervals can be relied on; empty if there are none."""
    found = [each for each in content.evaluation.intervals if each.method == "conformal"]
    if not found:
        return ""
    approximate = (
        " The probabilities hold approximately: members chose their epoch by the images that they held out."
        if any(each.is_approximate for each in found)
        else " For new images like the held-out ones they hold, whatever the errors are distributed like."
    )
    unbounded = sorted({each.level for each in found if None in each.half_widths})
    levels = " and ".join(percent(level, 0) for level in unbounded)
    few = f" At {levels} too few images were held out for a bound." if unbounded else ""
    return f"Conformal intervals are as wide as the held-out images needed.{approximate}{few}"


def _conclusion(content: RegressionContent, rows: TargetRows) -> str:
    reach, target = rows.half_width, rows.target
    lowest, mean, highest = (in_unit(float(each), target) for each in (reach.min(), reach.mean(), reach.max()))
    spread = f"±\u00a0{mean} of its prediction"
    if lowest != highest:
        spread += f" on average, for some ±\u00a0{lowest} and for others ±\u00a0{highest}"
    return (
        f"Of new images like these, {isolated(target.name)} should lie in about {10 * rows.interval.level:.0f} of 10 "
        f"cases within {spread}. Of the {count(len(rows.actual), 'test image')} it did in "
        f"{int(rows.is_inside.sum()):,} ({percent(rows.coverage, 1)}){_surprise(content, rows)}."
    )


def _surprise(content: RegressionContent, rows: TargetRows) -> str:
    low, high = chance_range(content, rows.interval)
    if rows.coverage < low:
        return ", which is fewer than chance easily explains: the intervals may be too narrow"
    if rows.coverage > high:
        return ", which is more than chance easily explains: the intervals may be too wide"
    return ""
