"""The first screen of the page: the errors of members and ensemble on one axis, and the facts of the run."""

from dataclasses import dataclass

from deepchord.coordinator.report.content import count, isolated
from deepchord.coordinator.report.page.columns import table_kind
from deepchord.coordinator.report.page.facts import Fact, engines_fact, members_fact, time_facts
from deepchord.coordinator.report.page.strip import MemberStrip, StripValues, strip_of
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings import (
    error_gains,
    in_unit,
    overall_error,
    score_text,
)

#: The axis covers at least this share of a standard deviation.
_NARROWEST = 0.01
#: Decimal places of an error over several numbers, in standard deviations.
_OVERALL_DIGITS = 3
#: Of more numbers the first ones have a line of their own on the first screen.
MAX_LINES = 6


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The result in large letters."""

    #: The error, in the number's own unit, or over several numbers in standard deviations.
    score: str
    unit: str
    words: str


def headline(content: RegressionContent) -> Headline:
    """Return the error of the one number, or over all numbers."""
    names = content.targets
    if len(names) == 1:
        return Headline(
            score=in_unit(content.evaluation.test[0].root_mean_squared_error, names[0]),
            unit="",
            words=f"root mean squared error in predicting {isolated(names[0].name)}",
        )
    return Headline(
        score=f"{overall_error(content.evaluation.test, names):.{_OVERALL_DIGITS}f}",
        unit="SD",
        words=f"root mean squared error in predicting {count(len(names), 'number')}, in their standard deviations,",
    )


def member_strip(content: RegressionContent) -> MemberStrip:
    """Return where the members, their mean and the ensemble stand on the axis of errors."""
    only = content.targets[0] if len(content.targets) == 1 else None
    unit = only.scale if only is not None else 1.0
    members = {
        index: overall_error(member.test, content.targets) * unit
        for index, member in content.member_evaluations.items()
    }

    def text(value: float) -> str:
        return in_unit(value, only) if only is not None else f"{value:.{_OVERALL_DIGITS}f} SD"

    return strip_of(
        content,
        StripValues(
            members=members,
            mean=sum(members.values()) / len(members),
            ensemble=overall_error(content.evaluation.test, content.targets) * unit,
            best=min(members.values()),
            narrowest=_NARROWEST * unit,
            text=text,
            ticks=lambda scale: scale.ticks(6),
        ),
    )


def facts(content: RegressionContent) -> tuple[Fact, ...]:
    """Return the other facts of the first screen: members, data set, what is explained, engines, time."""
    dataset, evaluation = content.dataset, content.evaluation
    shape = "\u00d7".join(str(size) for size in dataset.x_train.shape[1:3])
    kind = f"images, {shape}" if dataset.table is None else f"rows, {table_kind(dataset.table)}"
    first = evaluation.test[0]
    known = [
        members_fact(content),
        Fact(
            label="Data set",
            value=dataset.name,
            more=f"{len(dataset.y_train):,} + {len(dataset.y_test):,} {kind}, {count(len(content.targets), 'number')}",
        ),
        engines_fact(content),
    ]
    if len(content.targets) == 1:
        target = content.targets[0]
        train = in_unit(evaluation.train[0].root_mean_squared_error, target)
        known += [
            Fact(label="R²", value=score_text(first.r_squared), more="the share of the variance that is explained"),
            Fact(
                label="Mean absolute error",
                value=in_unit(first.mean_absolute_error, target),
                more=f"the standard deviation is {in_unit(target.scale, target)}",
            ),
            Fact(label=content.worded("On the training images"), value=train, more="root mean squared error"),
        ]
    return (*known, *time_facts(content))


@dataclass(frozen=True, kw_only=True)
class TargetLine:
    """One of several numbers on the first screen."""

    name: str
    error: str
    r_squared: str
    scale: str


def target_lines(content: RegressionContent) -> tuple[TargetLine, ...]:
    """Return a line for each of the first numbers, if there are several."""
    if len(content.targets) == 1:
        return ()
    return tuple(
        TargetLine(
            name=gain.target.name,
            error=in_unit(gain.ensemble, gain.target),
            r_squared=score_text(scores.r_squared),
            scale=in_unit(gain.target.scale, gain.target),
        )
        for gain, scores in list(zip(error_gains(content), content.evaluation.test, strict=True))[:MAX_LINES]
    )
