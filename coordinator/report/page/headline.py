"""The first screen of the page: the accuracies of members and ensemble on one axis, and the facts of the run."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from deepchord.coordinator.report.content import ReportContent, count, duration, isolated, percent
from deepchord.coordinator.report.findings import Scale, Tick, balance_sentence, balanced_scores
from deepchord.coordinator.report.page.columns import table_kind
from deepchord.shared.messages import Trainer

#: More dots than this are drawn smaller.
_FEW_DOTS = 24
#: Free space as a share of the axis: for the label beside a line, and for a dot at the edge.
_LABEL_ROOM = 0.25
_DOT_ROOM = 0.03
#: A tick this near to an end of the axis, in percent, is left out: its label would stand out.
_EDGE = 5.0
#: The axis covers at least this range of accuracy.
_NARROWEST = 0.01
#: The tallest stack of dots, in pixels.
_STACK_PX = 140.0


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A member on the strip."""

    index: int
    title: str
    left: float
    bottom_px: float
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class MemberStrip:
    """The places of members, their mean and the ensemble on one axis of test accuracy, in percent of the axis."""

    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    mean: float
    ensemble: float
    height_px: float
    dot_px: float


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One of the facts beside the headline."""

    label: str
    value: str
    more: str = ""


def member_strip(content: ReportContent) -> MemberStrip:
    """Return where the members, their mean and the ensemble stand on the axis of test accuracies."""
    accuracies = {index: member.test.accuracy for index, member in content.member_evaluations.items()}
    mean, best = content.evaluation.mean_member_accuracy, content.evaluation.best_member_accuracy
    ensemble = content.evaluation.test.accuracy
    scale = _scale(accuracies.values(), mean, ensemble)
    places = {index: scale.position(accuracy) for index, accuracy in accuracies.items()}
    dot_px = 14.0 if len(places) <= _FEW_DOTS else 8.0
    # On a phone the axis is about 360 pixels wide and the dots are smaller by a third.
    levels = _stack(places, nearest=dot_px / 6.5)
    step = min(dot_px + 1, _STACK_PX / max(1, max(levels.values())))
    dots = tuple(
        Dot(
            index=index,
            title=f"{isolated(content.name(index))}: {percent(accuracies[index])}",
            left=place,
            bottom_px=levels[index] * step,
            is_best=accuracies[index] == best,
        )
        for index, place in places.items()
    )
    ticks = scale.ticks(6, factor=100, suffix="\u00a0%", possible=(0, 1))
    return MemberStrip(
        dots=dots,
        ticks=tuple(tick for tick in ticks if _EDGE < tick.position < 100 - _EDGE),
        mean=scale.position(mean),
        ensemble=scale.position(ensemble),
        height_px=max(levels.values()) * step + dot_px,
        dot_px=dot_px,
    )


def facts(content: ReportContent) -> tuple[Fact, ...]:
    """Return the other facts of the first screen: members, data set, engines, time."""
    evaluation, dataset = content.evaluation, content.dataset
    shape = "\u00d7".join(str(size) for size in dataset.x_train.shape[1:3])
    kind = f"images, {shape}" if dataset.table is None else f"rows, {table_kind(dataset.table)}"
    known = [
        _members(content),
        Fact(
            label="Data set",
            value=dataset.name,
            more=f"{len(dataset.y_train):,} + {len(dataset.y_test):,} {kind}, {len(dataset.class_names)} classes",
        ),
        *_balance(content),
        _engines(content),
        Fact(
            label=content.worded("On the training images"),
            value=percent(evaluation.train.accuracy),
            more=f"ensemble train accuracy, loss {evaluation.train.loss:.5f}",
        ),
    ]
    return (*known, *_time(content))


def _balance(content: ReportContent) -> tuple[Fact, ...]:
    if not balance_sentence(content):
        return ()
    scores = balanced_scores(content)
    area = "" if scores.area_under_roc is None else f", ROC-AUC {scores.area_under_roc:.4f}"
    more = f"every class counts the same; macro F1 {percent(scores.macro_f1)}{area}"
    return (Fact(label="Balanced accuracy", value=percent(scores.balanced_accuracy), more=more),)


def _engines(content: ReportContent) -> Fact:
    trainers = [member.trainer for member in content.trained.values()]
    if not trainers:
        evaluator = content.evaluation.evaluator
        return Fact(label="Evaluated on", value=evaluator.engine, more=f"{evaluator.device}, {evaluator.host}")
    hosts = len({trainer.host for trainer in trainers})
    devices = Counter(trainer.device for trainer in trainers)
    more = next(iter(devices)) if len(devices) == 1 else count(len(devices), "device")
    where = trainers[0].host if hosts == 1 else count(hosts, "host")
    return Fact(label="Engine", value=engines_text(trainers), more=f"{more}, {where}")


def engines_text(trainers: Iterable[Trainer]) -> str:
    """Return the engines that trained, most members first: `tensorflow`, or `plaidml (6), torch (4)`."""
    engines = Counter(trainer.engine for trainer in trainers)
    if len(engines) == 1:
        return next(iter(engines))
    return ", ".join(f"{engine}\u00a0({members})" for engine, members in engines.most_common())


def _members(content: ReportContent) -> Fact:
    evaluation = content.evaluation
    if not content.records:
        return Fact(label="Weight files", value=str(evaluation.trained))
    failed = len(content.failed)
    others = evaluation.requested - evaluation.trained - failed
    more = [f"{failed} failed"] if failed else []
    more += [f"{others} not in the ensemble"] if others > 0 else []
    return Fact(label="Members trained", value=f"{evaluation.trained} of {evaluation.requested}", more=", ".join(more))


def _time(content: ReportContent) -> tuple[Fact, ...]:
    members, start = content.trained.values(), content.started_at
    if start is None:
        return (Fact(label="Evaluation took", value=duration(content.evaluation.duration_s)),)
    end = max(member.finished_at for member in members)
    training = sum(member.duration_s for member in members)
    return (
        Fact(
            label="Total time",
            value=duration(max(0.0, (end - start).total_seconds())),
            more=f"first start to last finish; {duration(max(0.0, training))} of training",
        ),
    )


def _scale(accuracies: Iterable[float], mean: float, ensemble: float) -> Scale:
    """Return a scale with room for the labels of both lines, left of the left one and right of the right one."""
    values = list(accuracies)
    left, right = sorted((mean, ensemble))
    lowest, highest = min(*values, left), max(*values, right)
    start, end = lowest, highest
    width = max(highest - lowest, _NARROWEST)
    for _ in range(40):
        start = min(lowest - _DOT_ROOM * width, left - _LABEL_ROOM * width)
        end = max(highest + _DOT_ROOM * width, right + _LABEL_ROOM * width)
        width = max(end - start, _NARROWEST)
    return Scale(start=start, end=end)


def _stack(places: dict[int, float], nearest: float) -> dict[int, int]:
    """Return for each dot, from left to right, the lowest level without another dot nearer than `nearest`."""
    levels: dict[int, int] = {}
    ends: list[float] = []
    for index in sorted(places, key=lambda index: places[index]):
        place = places[index]
        level = next((level for level, end in enumerate(ends) if place - end >= nearest), len(ends))
        ends[level : level + 1] = [place]
        levels[index] = level
    return levels
