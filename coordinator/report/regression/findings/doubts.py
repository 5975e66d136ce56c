"""What makes predicted numbers doubtful, in sentences: leaks, no better than the mean, intervals that do not hold."""

from collections.abc import Iterable

from deepchord.coordinator.report.content import count, isolated, member_list, percent, percent_range
from deepchord.coordinator.report.findings import leaks
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings.coverage import chance_range, is_off
from deepchord.coordinator.report.regression.findings.target_rows import LEVEL, shown_interval

#: Scores of fewer test rows than this vary a lot from one draw of them to the next.
_FEW_ROWS = 30


def doubts(content: RegressionContent) -> tuple[str, ...]:
    """Return what makes the result doubtful, a sentence each; empty if nothing does.

    Test rows that were trained on come first: they make a result better than it is.
    """
    poor = tuple(_no_better_than_the_mean(content))
    causes = (
        "Likely causes: columns that tell nothing of the number; numbers that do not belong to their rows; a learning "
        "rate that is too high or too few epochs."
        if content.dataset.table is not None
        else "Likely causes: images that tell nothing of the number; numbers that do not belong to their images; a "
        "learning rate that is too high or too few epochs."
    )
    return (*leaks(content), *poor, *((causes,) if poor else ()), *_intervals(content), *_few_rows(content))


def _no_better_than_the_mean(content: RegressionContent) -> Iterable[str]:
    for place, target in enumerate(content.targets):
        share, name = content.evaluation.test[place].r_squared, isolated(target.name)
        if share is None:
            yield f"All test images have the same {name}: how much of its variance is explained cannot be told."
            continue
        if share <= 0:
            yield (
                f"The ensemble predicts {name} no better than the mean: saying the mean of the test images for each of "
                f"them has no larger error (R² {share:.2f})."
            )
            continue
        poor = [
            content.name(index)
            for index, member in content.member_evaluations.items()
            if (own := member.test[place].r_squared) is not None and own <= 0
        ]
        if poor:
            yield f"{member_list(poor)} {'predict' if len(poor) > 1 else 'predicts'} {name} no better than the mean."


def _intervals(content: RegressionContent) -> Iterable[str]:
    for place, target in enumerate(content.targets):
        interval = shown_interval(content, place)
        if is_off(content, interval, place):
            which = "too seldom" if interval.coverage[place] < interval.level else "more often than it should"
            yield (
                f"The {percent(LEVEL, 0)} interval of {isolated(target.name)} holds the actual number {which}: in "
                f"{percent(interval.coverage[place], 1)} of {count(len(content.dataset.y_test), 'test image')}, where "
                f"chance explains {percent_range(*chance_range(content, interval), 0)}. Test images may differ from "
                "the images for training."
            )


def _few_rows(content: RegressionContent) -> Iterable[str]:
    rows = len(content.dataset.y_test)
    if rows < _FEW_ROWS:
        yield f"There are only {count(rows, 'test image')}: other ones may give quite other scores."
