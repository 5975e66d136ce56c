"""The images beyond the test images that a study looks at, and what the members together make of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import psutil
from numpy.typing import NDArray

from deepchord.shared.datasets import Dataset, Images
from deepchord.shared.errors import InputError
from deepchord.shared.messages import (
    SHIFT_KINDS,
    STRENGTHS,
    Calibration,
    Detection,
    DetectionMeasure,
    MemberDetection,
    ShiftedScores,
    ShiftKind,
    ShortScores,
    UnseenScores,
)
from deepchord.shared.uncertainty import (
    ImageUncertainty,
    RunningUncertainty,
    accuracy,
    calibrator_of,
    detection_scores,
    entropy,
    expected_calibration_error,
    negative_log_likelihood,
)
from deepchord.worker.evaluation import Predict, RunningMean
from deepchord.worker.studies.shifts import shifted_parts

_SCORES = (accuracy, negative_log_likelihood, expected_calibration_error)


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditions:
    """What is looked at."""

    #: Images of kinds that the members were not trained on, which their networks take; None: there are none.
    unseen: Images | None = None
    #: Whether the test images are shifted.
    shifts: bool = False


class UnseenCollector:
    """Collects what the members make of unseen images, one member after the other."""

    def __init__(self, images: Images, classes: int) -> None:
        self._images = images
        self._running = RunningUncertainty(len(images.pixels), classes)
        self._members: list[MemberDetection] = []

    def add(self, index: int, on_test: NDArray[np.float32], predict: Predict) -> None:
        """Add a member.

        Args:
            index: Its index.
            on_test: float32 [test images, classes], its probabilities of the test images.
            predict: Returns its probabilities of any images.
        """
        on_unseen = predict(self._images.pixels)
        self._running.add(on_unseen)
        detection = (
            detected("confidence", 1 - on_test.max(axis=1), 1 - on_unseen.max(axis=1)),
            detected("predictive_entropy", entropy(on_test), entropy(on_unseen)),
        )
        self._members.append(MemberDetection(index=index, detection=detection))

    def mean(self) -> NDArray[np.float32]:
        """Return the mean probabilities, float32 [images, classes]."""
        return self._running.mean()

    def measures(self) -> ImageUncertainty:
        """Return how uncertain the ensemble is about each image."""
        return self._running.result()

    def scores(self, of_test: ImageUncertainty) -> UnseenScores:
        """Return how well the images are told from the test images.

        Args:
            of_test: How uncertain the ensemble is about each test image.
        """
        unseen = self.measures()
        return UnseenScores(
            name=self._images.name,
            images=len(self._images.pixels),
            mean_confidence=min(1.0, float(unseen.confidence.mean(dtype=np.float64))),
            test_mean_confidence=min(1.0, float(of_test.confidence.mean(dtype=np.float64))),
            detection=(
                detected("confidence", 1 - of_test.confidence, 1 - unseen.confidence),
                detected("predictive_entropy", of_test.predictive_entropy, unseen.predictive_entropy),
                detected("mutual_information", of_test.mutual_information, unseen.mutual_information),
            ),
            members=tuple(sorted(self._members, key=lambda member: member.index)),
        )


@dataclass(kw_only=True, eq=False)
class _Shift:
    """The sums over the members for one kind and strength."""

    kind: ShiftKind
    strength: int
    mean: RunningMean
    #: Sums of the members' own scores.
    members: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(_SCORES)))


class ShiftCollector:
    """Collects what the members make of shifted test images, one member after the other.

    The images are made anew for each member, a part at a time: all of them together would take 35 times the memory of
    the test images. The summed probabilities of all kinds and strengths are kept.
    """

    def __init__(self, dataset: Dataset) -> None:
        """Create a collector.

        Raises:
            InputError: There is too little memory for the sums.
        """
        classes = len(dataset.class_names)
        check_memory(8 * len(dataset.x_test) * classes * len(SHIFT_KINDS) * STRENGTHS, dataset, f"{classes:,} classes")
        self._dataset = dataset
        values = dataset.pixels
        self._low, self._high = (0.0, 255.0) if values.type == "uint8" else (values.lowest, values.highest)
        self._shifts = [
            _Shift(kind=kind, strength=strength, mean=RunningMean(len(dataset.x_test), len(dataset.class_names)))
            for kind, strength in product(SHIFT_KINDS, range(1, STRENGTHS + 1))
        ]
        self._members = 0

    def add(self, predict: Predict) -> None:
        """Add a member."""
        self._members += 1
        for shift in self._shifts:
            parts = shifted_parts(self._dataset.x_test, shift.kind, shift.strength, self._low, self._high)
            probabilities = np.concatenate([predict(part) for part in parts])
            shift.mean.add(probabilities)
            shift.members += [score(probabilities, self._dataset.y_test) for score in _SCORES]

    def scores(self, calibration: Calibration | None) -> Iterator[ShiftedScores]:
        """Yield the scores by kind and strength.

        Args:
            calibration: That of the evaluation; None: it has none.
        """
        calibrator = None if calibration is None else calibrator_of(calibration)
        for shift in self._shifts:
            mean = shift.mean.mean()
            yield ShiftedScores(
                kind=shift.kind,
                strength=shift.strength,
                members=_short_scores(shift.members / self._members),
                mean=self._scores(mean),
                calibrated=None if calibrator is None else self._scores(calibrator(mean)),
            )

    def _scores(self, probabilities: NDArray[np.float32]) -> ShortScores:
        return _short_scores([score(probabilities, self._dataset.y_test) for score in _SCORES])


def check_memory(needed: int, dataset: Dataset, predicted: str) -> None:
    """Raise `InputError` if the sums of what members say of shifted images need more than half of the free memory.

    Args:
        needed: The bytes of the sums.
        dataset: The test images.
        predicted: How many classes or numbers are predicted, for the error.
    """
    free = psutil.virtual_memory().available
    if needed > free / 2:
        raise InputError(
            f"Shifted images of {len(dataset.x_test):,} test images and {predicted} need {needed / 2**30:.1f} GiB of "
            f"sums, and {free / 2**30:.1f} GiB are free: leave --shift out, or give fewer test images with --dataset."
        )


def detected(measure: DetectionMeasure, known: NDArray[np.floating], unknown: NDArray[np.floating]) -> Detection:
    """Return how well a measure tells unseen images from test images.

    Args:
        measure: Its name.
        known: Its values for the test images, [test_size].
        unknown: Those for the unseen images, [unseen images], which should be higher.
    """
    found = detection_scores(known, unknown)
    return Detection(
        measure=measure,
        area_under_roc=min(1.0, found.area_under_roc),
        area_under_precision_recall=min(1.0, found.area_under_precision_recall),
        false_positive_rate_at_95=found.false_positive_rate_at_95,
    )


def _short_scores(values: "NDArray[np.float64] | list[float]") -> ShortScores:
    return ShortScores.model_validate(
        {score.__name__: float(value) for score, value in zip(_SCORES, values, strict=True)}
    )
