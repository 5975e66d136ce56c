"""The first screen of the page: the members and the ensemble on one axis, and the facts of the run."""

from deepchord.coordinator.report.content import count, percent
from deepchord.coordinator.report.multilabel.content import MultilabelContent
from deepchord.coordinator.report.page.columns import table_kind
from deepchord.coordinator.report.page.facts import Fact, engines_fact, members_fact, time_facts
from deepchord.coordinator.report.page.strip import MemberStrip, StripValues, strip_of

#: The axis covers at least this range.
_NARROWEST = 0.001


def member_strip(content: MultilabelContent) -> MemberStrip:
    """Return where the members, their mean and the ensemble stand on the axis of the share of wrong labels."""
    members = {index: member.test.hamming_loss.value for index, member in content.member_evaluations.items()}
    return strip_of(
        content,
        StripValues(
            members=members,
            mean=sum(members.values()) / len(members),
            ensemble=content.evaluation.test.hamming_loss.value,
            best=min(members.values()),
            narrowest=_NARROWEST,
            text=percent,
            ticks=lambda scale: scale.ticks(6, factor=100, suffix="\u00a0%", possible=(0, 1)),
        ),
    )


def facts(content: MultilabelContent) -> tuple[Fact, ...]:
    """Return the other facts of the first screen: members, data set, engines, scores, time."""
    dataset, test = content.dataset, content.evaluation.test
    shape = "\u00d7".join(str(size) for size in dataset.x_train.shape[1:3])
    kind = f"images, {shape}" if dataset.table is None else f"rows, {table_kind(dataset.table)}"
    return (
        members_fact(content),
        Fact(
            label="Data set",
            value=dataset.name,
            more=f"{len(dataset.y_train):,} + {len(dataset.y_test):,} {kind}, {count(len(content.labels), 'label')}",
        ),
        engines_fact(content),
        Fact(
            label="Wrong labels",
            value=percent(test.hamming_loss.value),
            more=content.worded(f"Hamming loss; {percent(content.evaluation.train.hamming_loss)} on training images"),
        ),
        Fact(label="Micro F1", value=_f1(test.micro_f1), more="all labels counted together"),
        Fact(label="Macro F1", value=_f1(test.macro_f1), more="the mean over the labels"),
        *time_facts(content),
    )


def _f1(score: float | None) -> str:
    return "unknown" if score is None else f"{score:.4f}"
