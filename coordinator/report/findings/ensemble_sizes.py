"""What more members bring: the scores of smaller ensembles of the same members, as curves and in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

from deepchord.coordinator.report.content import LOSS_DIGITS, ReportContent
from deepchord.shared.messages import Estimate, SizedEnsemble

#: A loss that falls by less than this share with a member hardly falls.
_HARDLY = 0.005
#: The scores in words, and whether they are shares.
SCORE_TITLES = {
    "accuracy": ("Accuracy", True),
    "negative_log_likelihood": ("Loss", False),
    "expected_calibration_error": ("Calibration error", True),
}


@dataclass(frozen=True, kw_only=True)
class SizePoint:
    """A score of ensembles of so many members: its mean over random orders of the members, and 95 % of these orders."""

    members: int
    score: Estimate


@dataclass(frozen=True, kw_only=True)
class SizeCurve:
    """A score against the number of members."""

    title: str
    #: Whether the score is a share, which is written as percent.
    is_share: bool
    #: On the test images.
    points: tuple[SizePoint, ...]
    #: On the images for the calibration, or out of bag; empty: there are none.
    held_out: tuple[SizePoint, ...] = ()
    #: What the latter images are called.
    held_out_name: str = ""


def size_curves(content: ReportContent) -> tuple[SizeCurve, ...]:
    """Return accuracy, loss and calibration error against the number of members; nothing if that was not measured."""
    uncertainty = content.evaluation.uncertainty
    if uncertainty is None or not uncertainty.by_size:
        return ()
    source = None if uncertainty.calibration is None else uncertainty.calibration.source
    return tuple(
        SizeCurve(
            title=f"{title} by members",
            is_share=is_share,
            points=_points(uncertainty.by_size, field),
            held_out=_points(uncertainty.by_size_held_out, field),
            held_out_name="out of bag" if source == "out_of_bag" else "calibration images",
        )
        for field, (title, is_share) in SCORE_TITLES.items()
    )


def size_sentence(content: ReportContent) -> str:
    """Return in a sentence what the last members brought; empty if that was not measured."""
    sizes = _sizes(content)
    if not sizes:
        return ""
    before, last = sizes[-2].negative_log_likelihood.value, sizes[-1].negative_log_likelihood.value
    added = sizes[-1].members - sizes[-2].members
    fell = (before - last) / (before or 1) / added
    next_member = content.evaluation.uncertainty.next_member if content.evaluation.uncertainty else None
    who = "The last member" if added == 1 else f"Of the last {added} members each"
    brought = f"brought the loss down by {100 * fell:.2f}\u00a0%" if fell > 0 else "did not bring the loss down"
    told = f"{who} {brought}"
    if next_member is not None:
        expected = f"{100 * next_member.share:.2f}\u00a0%"
        told += f"; as images tell that members held out, one more would bring it down by {expected}"
    share = fell if next_member is None else next_member.share
    auto = content.spec.auto if content.spec is not None else None
    least = _HARDLY if auto is None else auto.least_fall
    more = "more would hardly help" if share < least else "more may still help"
    which = "all" if sizes[-1].members == content.evaluation.trained else "the first"
    return (
        f"One member alone has a loss of {sizes[0].negative_log_likelihood.value:.{LOSS_DIGITS}f}, {which} "
        f"{sizes[-1].members} together {last:.{LOSS_DIGITS}f}. {told}: {more}."
    )


def _sizes(content: ReportContent) -> Sequence[SizedEnsemble]:
    uncertainty = content.evaluation.uncertainty
    return () if uncertainty is None else uncertainty.by_size


def _points(sizes: Sequence[SizedEnsemble], field: str) -> tuple[SizePoint, ...]:
    return tuple(SizePoint(members=each.members, score=getattr(each, field)) for each in sizes)
