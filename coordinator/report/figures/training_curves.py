"""The training curves of all members as a figure."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deepchord.coordinator.report.content import EnsembleContent
from deepchord.coordinator.report.figures.drawing import ACCENT, INK, LINE, MUTED, new_figure
from deepchord.coordinator.report.findings import MAX_MEMBERS, MEASURES, Measure, Scale
from deepchord.shared.messages import TrainedMember


def draw_training_curves(content: EnsembleContent, measures: Sequence[Measure] = MEASURES) -> Figure | None:
    """Return each measure of all members over the epochs, None if no member has a history."""
    members = list(content.trained.values())[:MAX_MEMBERS]
    if not members:
        return None
    figure = new_figure(9.0, 3.6)
    alpha = min(0.9, max(0.12, 5 / len(members)))
    for axes, measure in zip(figure.subplots(1, len(measures)), measures, strict=True):
        for member in members:
            _plot_member(axes, member, measure, alpha)
        highest = measure.highest(member.history for member in members)
        if axes.get_ylim()[1] > highest:
            axes.set_ylim(top=highest)
        _tidy(axes, measure)
        kind = content.training_loss_kind if measure.is_loss else None
        labels = ("train" if kind is None else f"train, {kind}", "validation", "best epoch")
        axes.legend(axes.lines[:3], labels, frameon=False, fontsize=8, labelcolor=INK)
    return figure


def _plot_member(axes: Axes, member: TrainedMember, measure: Measure, alpha: float) -> None:
    epochs = range(1, len(member.history) + 1)
    marker = "." if len(member.history) == 1 else None
    train = [measure.train(epoch) for epoch in member.history]
    validation = [measure.validation(epoch) for epoch in member.history]
    axes.plot(epochs, train, color=MUTED, lw=0.9, ls=(0, (3, 1.5)), alpha=alpha, marker=marker)
    axes.plot(epochs, validation, color=ACCENT, lw=1.1, alpha=alpha, marker=marker)
    best = validation[member.best_epoch - 1]
    axes.plot(member.best_epoch, best, "o", color=ACCENT, ms=4, mec="white", mew=0.7)


def _tidy(axes: Axes, measure: Measure) -> None:
    low, high = axes.get_ylim()
    ticks = Scale(start=low, end=high).ticks(6, possible=measure.possible)
    axes.set_yticks([tick.value for tick in ticks], labels=[tick.label for tick in ticks])
    axes.set_ylim(low, high)
    axes.set_title(measure.title, fontsize=11, color=INK, loc="left")
    axes.set_xlabel("Epoch", color=MUTED)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.tick_params(colors=MUTED, length=3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(left=0.5)
    axes.grid(axis="y", color=LINE, lw=0.5)
