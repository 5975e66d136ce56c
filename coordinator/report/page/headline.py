"""The first screen of the page: the accuracies of members and ensemble on one axis, and the facts of the run."""

from deepchord.coordinator.report.content import ReportContent, percent
from deepchord.coordinator.report.findings import balance_sentence, balanced_scores
from deepchord.coordinator.report.page.columns import table_kind
from deepchord.coordinator.report.page.facts import Fact, engines_fact, members_fact, time_facts
from deepchord.coordinator.report.page.strip import MemberStrip, StripValues, strip_of

#: The axis covers at least this range of accuracy.
_NARROWEST = 0.01


def member_strip(content: ReportContent) -> MemberStrip:
    """Return where the members, their mean and the ensemble stand on the axis of test accuracies."""
    return strip_of(
        content,
        StripValues(
            members={index: member.test.accuracy for index, member in content.member_evaluations.items()},
            mean=content.evaluation.mean_member_accuracy,
            ensemble=content.evaluation.test.accuracy,
            best=content.evaluation.best_member_accuracy,
            narrowest=_NARROWEST,
            text=percent,
            ticks=lambda scale: scale.ticks(6, factor=100, suffix="\u00a0%", possible=(0, 1)),
        ),
    )


def facts(content: ReportContent) -> tuple[Fact, ...]:
    """Return the other facts of the first screen: members, data set, engines, time."""
    evaluation, dataset = content.evaluation, content.dataset
    shape = "\u00d7".join(str(size) for size in dataset.x_train.shape[1:3])
    kind = f"images, {shape}" if dataset.table is None else f"rows, {table_kind(dataset.table)}"
    known = [
        members_fact(content),
        Fact(
            label="Data set",
            value=dataset.name,
            more=f"{len(dataset.y_train):,} + {len(dataset.y_test):,} {kind}, {len(dataset.class_names)} classes",
        ),
        *_balance(content),
        engines_fact(content),
        Fact(
            label=content.worded("On the training images"),
            value=percent(evaluation.train.accuracy),
            more=f"ensemble train accuracy, loss {evaluation.train.loss:.5f}",
        ),
    ]
    return (*known, *time_facts(content))


def _balance(content: ReportContent) -> tuple[Fact, ...]:
    if not balance_sentence(content):
        return ()
    scores = balanced_scores(content)
    area = "" if scores.area_under_roc is None else f", ROC-AUC {scores.area_under_roc:.4f}"
    more = f"every class counts the same; macro F1 {percent(scores.macro_f1)}{area}"
    return (Fact(label="Balanced accuracy", value=percent(scores.balanced_accuracy), more=more),)
