"""How sure the test accuracy is, given how many test images there are."""

from dataclasses import dataclass

from deepchord.coordinator.report.content import ReportContent, count, percent, percent_range

CONFIDENCE = 0.95
#: With fewer test images than this it is said how much a single one counts.
_FEW_IMAGES = 1_000


@dataclass(frozen=True, kw_only=True)
class AccuracyInterval:
    """Where the ensemble's accuracy on more images like the test images is likely to lie."""

    #: Wilson's score interval (Wilson 1927, as Brown, Cai and DasGupta 2001 recommend it), in [0, 1].
    low: float
    high: float
    #: How many test images there are, and how many of them the ensemble gets right.
    images: int
    right: int


def accuracy_interval(content: ReportContent) -> AccuracyInterval:
    """Return the interval of the ensemble's test accuracy, from the counts of its confusion matrix."""
    from scipy.stats import binomtest  # half a second, which commands without it spare

    confusion = content.evaluation.confusion
    images = sum(map(sum, confusion))
    right = sum(row[place] for place, row in enumerate(confusion))
    interval = binomtest(right, images).proportion_ci(confidence_level=CONFIDENCE, method="wilson")
    return AccuracyInterval(low=float(interval.low), high=float(interval.high), images=images, right=right)


def certainty(content: ReportContent) -> str:
    """Return in words how sure the test accuracy is; of few test images also how much a single one counts."""
    interval = accuracy_interval(content)
    is_small = interval.images < _FEW_IMAGES
    between = percent_range(interval.low, interval.high, digits=1 if is_small else 2)
    right = f"{interval.right:,} of {count(interval.images, 'test image')} right"
    one = f"; one image is {100 / interval.images:.2f} points" if is_small else ""
    return f"{right}: {between} of all such images, with {percent(CONFIDENCE, 0)} confidence{one}"
