"""The pictures of the page: what each class looks like, and test images that are wrong or uncertain."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepchord.coordinator.report.content import ReportContent
from deepchord.coordinator.report.findings import (
    SAMPLES,
    data_uri,
    film_strip,
    first_samples,
    is_right,
    mean_images,
    shown_pixels,
)
from deepchord.shared.datasets import Dataset
from deepchord.shared.tables import shown_rows

#: Samples of more classes, or of more bytes, would make the page slow; `figures/samples.png` has all of them.
_MAX_CLASSES = 24
_MAX_BYTES = 1_800_000
#: With more classes than this the bars of a mistake's probabilities become too thin to see.
_MAX_BARS = 25
#: How many images are shown that the ensemble is uncertain about, and how many confident mistakes.
_SHOWN = 12
#: A card shows at most so many columns of a row.
_MAX_CELLS = 8
#: Images of which this is said are not uncertain.
_NOTHING = "0.000"


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
class Votes:
    """The members that predict one class for an image."""

    class_name: str
    #: What they are called.
    members: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ImageCard:
    """A test image with what the ensemble says of it."""

    #: As a data URI of a PNG; empty for a row of a table.
    picture: str
    #: The first columns of a row, with its values; empty for an image.
    cells: tuple[tuple[str, str], ...]
    test_index: int
    actual: str
    predicted: str
    actual_probability: float
    predicted_probability: float
    #: All classes in their order; empty if there are too many.
    bars: tuple[ProbabilityBar, ...]
    is_right: bool
    #: The image's uncertainty in nats, with three decimals; empty if it is not shown.
    note: str = ""
    #: Which members predict what, the most frequent class first; empty if that is not shown.
    votes: tuple["Votes", ...] = ()


def class_pictures(dataset: Dataset) -> tuple[ClassPictures, ...]:
    """Return the mean image and the first samples of each class, for as many classes as a page can hold."""
    means = mean_images(dataset)
    shown = max(2, min(_MAX_CLASSES, _MAX_BYTES // (SAMPLES * means[0].size)))
    return tuple(_class(dataset, index, data_uri(mean)) for index, mean in enumerate(means[:shown]))


def mistakes(content: ReportContent) -> tuple[ImageCard, ...]:
    """Return the first misclassified test images of the evaluation, in the order of the data set."""
    return _cards(content, [mistake.test_index for mistake in content.evaluation.misclassified])


def uncertain_images(content: ReportContent) -> tuple[ImageCard, ...]:
    """Return the test images that members disagree about most, or that a single member is most uncertain about."""
    measured = content.probabilities.test_uncertainty
    if measured is None:
        return ()
    of_members = content.evaluation.trained > 1
    measure = measured.mutual_information if of_members else measured.predictive_entropy
    most = np.argsort(-measure, kind="stable")[:_SHOWN].tolist()
    uncertain = {index: note for index in most if (note := f"{measure[index]:.3f}") != _NOTHING}
    cards = _cards(content, list(uncertain), list(uncertain.values()))
    return tuple(replace(card, votes=_votes(content, card.test_index)) for card in cards)


def confident_mistakes(content: ReportContent) -> tuple[ImageCard, ...]:
    """Return the test images that the ensemble gets wrong with the highest probability."""
    wrong = np.flatnonzero(~is_right(content))
    confidence = content.best_test_probabilities[wrong].max(axis=1)
    return _cards(content, wrong[np.argsort(-confidence, kind="stable")][:_SHOWN].tolist())


def _votes(content: ReportContent, test_index: int) -> tuple[Votes, ...]:
    """Return which members predict what for an image; nothing of a single member, or if that is not known."""
    predictions = content.probabilities.test_predictions
    evaluated = [content.name(index) for index in content.member_evaluations]
    if predictions is None or len(evaluated) < 2 or len(predictions) != len(evaluated):
        return ()
    of_class: dict[int, list[str]] = {}
    for name, label in zip(evaluated, predictions[:, test_index].tolist(), strict=True):
        of_class.setdefault(label, []).append(name)
    ordered = sorted(of_class.items(), key=lambda each: (-len(each[1]), each[0]))
    names = content.dataset.class_names
    return tuple(Votes(class_name=names[label], members=tuple(members)) for label, members in ordered)


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


def _cards(content: ReportContent, indices: Sequence[int], notes: Sequence[str] = ()) -> tuple[ImageCard, ...]:
    """Return the cards of test images, each with its note if there are any."""
    if len(indices) == 0:
        return ()
    said = zip(indices, notes or [""] * len(indices), strict=True)
    chosen, table = content.dataset.x_test[list(indices)], content.dataset.table
    if table is not None:
        rows = (cells[:_MAX_CELLS] for cells in shown_rows(chosen, table))
        return tuple(_card(content, index, note, cells=cells) for (index, note), cells in zip(said, rows, strict=True))
    images = map(data_uri, shown_pixels(chosen, content.dataset))
    return tuple(_card(content, index, note, picture=uri) for (index, note), uri in zip(said, images, strict=True))


def _card(
    content: ReportContent, index: int, note: str, *, picture: str = "", cells: tuple[tuple[str, str], ...] = ()
) -> ImageCard:
    probabilities, names = content.best_test_probabilities[index], content.dataset.class_names
    actual, predicted = int(content.dataset.y_test[index]), int(probabilities.argmax())
    return ImageCard(
        picture=picture,
        cells=cells,
        test_index=index,
        actual=names[actual],
        predicted=names[predicted],
        actual_probability=float(probabilities[actual]),
        predicted_probability=float(probabilities[predicted]),
        bars=_bars(content, index, actual, predicted),
        is_right=actual == predicted,
        note=note,
    )


def _bars(content: ReportContent, test_index: int, actual: int, predicted: int) -> tuple[ProbabilityBar, ...]:
    names = content.dataset.class_names
    if len(names) > _MAX_BARS:
        return ()
    return tuple(
        ProbabilityBar(
            class_name=name,
            probability=float(content.best_test_probabilities[test_index, index]),
            is_actual=index == actual,
            is_predicted=index == predicted,
        )
        for index, name in enumerate(names)
    )
