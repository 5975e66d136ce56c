"""What an evaluation finds out about the probabilities of an ensemble beyond its loss and accuracy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import (
    Calibration,
    CalibrationSource,
    ConformalSets,
    EnsembleUncertainty,
    MemberGain,
    MemberScores,
)
from deepchord.shared.uncertainty import (
    ImageUncertainty,
    RunningUncertainty,
    calibrator_of,
    reliability_bins,
    score_probabilities,
    with_temperature,
)
from deepchord.worker.evaluation.ensemble_sizes import EnsembleSizes
from deepchord.worker.evaluation.held_out import HeldOut
from deepchord.worker.evaluation.out_of_bag_sizes import OutOfBagSizes
from deepchord.worker.evaluation.thresholds import (
    LabelledProbabilities,
    all_sets,
    confidence_thresholds,
    selective_prediction,
)

#: The predictions of more members than this are not kept, so that memory does not grow with their number.
_MOST_PREDICTIONS = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredUncertainty:
    """What was found out."""

    uncertainty: EnsembleUncertainty
    #: Averaged over the members, float32 [test_size, classes].
    test_mean: NDArray[np.float32]
    #: Of each test image, from the members' probabilities as they are.
    images: ImageUncertainty
    #: The class that each member predicts, int16 [members, test_size], in the order of their indices; None: too many
    #: members.
    predictions: NDArray[np.int16] | None
    #: Calibrated probabilities of the test images, float32 [test_size, classes]; None without a calibration.
    calibrated_test: NDArray[np.float32] | None


class UncertaintyCollector:
    """Collects from one member after the other; sums are kept, and of the first members the test probabilities."""

    def __init__(
        self,
        train_labels: NDArray[np.integer],
        test_labels: NDArray[np.integer],
        classes: int,
        calibration_images: NDArray[np.int64] | None = None,
    ) -> None:
        """Create a collector.

        Args:
            train_labels: [train_size], class indices.
            test_labels: [test_size], class indices.
            classes: How many classes there are.
            calibration_images: Indices of training images that no member was trained on; None or empty if there are
                none: then the images that members held out are used.
        """
        self._train_labels, self._test_labels, self._classes = train_labels, test_labels, classes
        self._calibration_images = np.empty(0, dtype=np.int64) if calibration_images is None else calibration_images
        self._running = RunningUncertainty(len(test_labels), classes)
        self._sizes = EnsembleSizes(test_labels)
        self._sizes_held_out = EnsembleSizes(train_labels[self._calibration_images])
        self._sizes_out_of_bag: OutOfBagSizes | None = None
        self._held_out: HeldOut | None = None
        self._members: list[MemberScores] = []
        self._predictions: dict[int, NDArray[np.int16]] = {}

    def add(
        self,
        index: int,
        on_train: NDArray[np.float32],
        on_test: NDArray[np.float32],
        held_out: NDArray[np.int64] | None,
    ) -> None:
        """Add a member.

        Args:
            index: The member's index.
            on_train: float32 [train_size, classes].
            on_test: float32 [test_size, classes].
            held_out: The training images that it held out; None if that is not known.
        """
        self._running.add(on_test)
        self._sizes.add(on_test)
        self._members.append(MemberScores(index=index, scores=score_probabilities(on_test, self._test_labels)))
        if len(self._predictions) < _MOST_PREDICTIONS:
            self._predictions[index] = on_test.argmax(axis=1).astype(np.int16)
        images = self._calibration_images if len(self._calibration_images) else held_out
        if len(self._calibration_images):
            self._sizes_held_out.add(on_train[self._calibration_images])
        elif held_out is not None:
            if self._sizes_out_of_bag is None:
                self._sizes_out_of_bag = OutOfBagSizes(self._train_labels, self._classes)
            self._sizes_out_of_bag.add(held_out, on_train[held_out])
        if images is not None:
            if self._held_out is None:
                self._held_out = HeldOut(len(on_train), self._classes)
            self._held_out.add(images, on_train[images])

    def result(self) -> MeasuredUncertainty:
        """Return what was found out of all members together, at least one."""
        labels, test_mean = self._test_labels, self._running.mean()
        calibration, fitted_on = self._calibrate()
        calibrated = None if calibration is None else calibrator_of(calibration)(test_mean)
        source = calibration.source if calibration is not None else "test_images"
        chosen_on = fitted_on or LabelledProbabilities(probabilities=test_mean, labels=labels)
        uncertainty = EnsembleUncertainty(
            members=tuple(sorted(self._members, key=lambda member: member.index)),
            mean=score_probabilities(test_mean, labels),
            calibration=calibration,
            calibrated=None if calibrated is None else score_probabilities(calibrated, labels),
            reliability=reliability_bins(test_mean, labels),
            calibrated_reliability=() if calibrated is None else reliability_bins(calibrated, labels),
            conformal=self._conformal_sets(calibration, fitted_on, test_mean),
            selective=selective_prediction(
                LabelledProbabilities(probabilities=test_mean if calibrated is None else calibrated, labels=labels),
                source,
                confidence_thresholds(calibration, chosen_on),
            ),
            by_size=self._sizes.result(),
            by_size_held_out=(self._sizes_out_of_bag or self._sizes_held_out).result(),
            next_member=self._next_member(),
        )
        return MeasuredUncertainty(
            uncertainty=uncertainty,
            test_mean=test_mean,
            images=self._running.result(),
            predictions=self._all_predictions(),
            calibrated_test=calibrated,
        )

    def _all_predictions(self) -> NDArray[np.int16] | None:
        if len(self._members) > _MOST_PREDICTIONS:
            return None
        return np.array([self._predictions[index] for index in sorted(self._predictions)])

    def _calibrate(self) -> tuple[Calibration | None, LabelledProbabilities | None]:
        """Return the calibration, and the images that it was fitted on, with the temperature that fits them alone.

        The map of confidence has seen the answers of these images; a temperature is too simple to learn them.
        """
        if self._held_out is None:
            return None, None
        source: CalibrationSource = "calibration_images" if len(self._calibration_images) else "out_of_bag"
        images = self._held_out.images()
        labels = self._train_labels[images]
        calibration = self._held_out.calibration(labels, len(self._members), source)
        probabilities = with_temperature(self._held_out.mean(images), calibration.fitted_temperature)
        return calibration, LabelledProbabilities(probabilities=probabilities, labels=labels)

    def _conformal_sets(
        self, calibration: Calibration | None, fitted_on: LabelledProbabilities | None, test_mean: NDArray[np.float32]
    ) -> tuple[ConformalSets, ...]:
        """Return all sets, from probabilities with the temperature alone; none without a calibration."""
        if calibration is None or fitted_on is None:
            return ()
        scaled = with_temperature(test_mean, calibration.temperature)
        tested = LabelledProbabilities(probabilities=scaled, labels=self._test_labels)
        return tuple(all_sets(fitted_on, tested, calibration.source == "out_of_bag"))

    def _next_member(self) -> MemberGain | None:
        """Return what one more member would bring; None if that cannot be told."""
        return None if self._held_out is None else self._held_out.next_member(self._train_labels, len(self._members))
