"""The pictures of the page: what each class looks like, and the test images that the ensemble gets wrong."""

from dataclasses import dataclass

from deepchord.coordinator.report.content import ReportContent
from deepchord.coordinator.report.findings import (
    SAMPLES,
    data_uri,
    film_strip,
    first_samples,
    mean_images,
    shown_pixels,
)
from deepchord.shared.datasets import Dataset

#: Samples of more classes, or of more bytes, would make the page slow; `figures/samples.png` has all of them.
_MAX_CLASSES = 24
_MAX_BYTES = 1_800_000
#: With more classes than this the bars of a mistake's probabilities become too thin to see.
_MAX_BARS = 25


@dataclass(frozen=True, kw_only=True)
class ClassPictures:
    """A class in pictures, as data URIs of PNGs."""

    name: str
    mean: str
    #: The samples in two halves, which stand one below the other on a phone.
    samples: tuple[str, ...]
    shown: int
    train_images: int


@dataclass(frozen=True, kw_only=True)
class ProbabilityBar:
    """The ensemble's probability of one class."""

    class_name: str
    probability: float
    is_actual: bool
    is_predicted: bool


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A test image that the ensemble gets wrong."""

    picture: str
    test_index: int
    actual: str
    predicted: str
    actual_probability: float
    predicted_probability: float
    #: All classes in their order; empty if there are too many.
    bars: tuple[ProbabilityBar, ...]


def class_pictures(dataset: Dataset) -> tuple[ClassPictures, ...]:
    """Return the mean image and the first samples of each class, for as many classes as a page can hold."""
    means = mean_images(dataset)
    shown = max(2, min(_MAX_CLASSES, _MAX_BYTES // (SAMPLES * means[0].size)))
    return tuple(_class(dataset, index, data_uri(mean)) for index, mean in enumerate(means[:shown]))


def mistakes(content: ReportContent) -> tuple[Mistake, ...]:
    """Return the first misclassified test images of the evaluation, in the order of the data set."""
    misclassified = content.evaluation.misclassified
    if not misclassified:
        return ()
    names = content.dataset.class_names
    images = shown_pixels(content.dataset.x_test[[mistake.test_index for mistake in misclassified]], content.dataset)
    return tuple(
        Mistake(
            picture=data_uri(image),
            test_index=mistake.test_index,
            actual=names[mistake.actual],
            predicted=names[mistake.predicted],
            actual_probability=mistake.actual_probability,
            predicted_probability=mistake.predicted_probability,
            bars=_bars(content, mistake.test_index, mistake.actual, mistake.predicted),
        )
        for mistake, image in zip(misclassified, images, strict=True)
    )


def _class(dataset: Dataset, index: int, mean: str) -> ClassPictures:
    samples = list(first_samples(dataset, index))
    half = SAMPLES // 2
    strips = [samples[:half], samples[half:]]
    return ClassPictures(
        name=dataset.class_names[index],
        mean=mean,
        samples=tuple(data_uri(film_strip(strip, half)) for strip in strips if strip),
        shown=len(samples),
        train_images=int((dataset.y_train == index).sum()),
    )


def _bars(content: ReportContent, test_index: int, actual: int, predicted: int) -> tuple[ProbabilityBar, ...]:
    names = content.dataset.class_names
    if len(names) > _MAX_BARS:
        return ()
    return tuple(
        ProbabilityBar(
            class_name=name,
            probability=float(content.test_probabilities[test_index, index]),
            is_actual=index == actual,
            is_predicted=index == predicted,
        )
        for index, name in enumerate(names)
    )
