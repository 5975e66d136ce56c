"""Computes what an ensemble says of images: its graph gives the members' probabilities, and all else follows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.graph import MEMBER_PROBABILITIES, InputType
from deepchord.ensemble.prediction import Prediction, joined
from deepchord.ensemble.thresholds import confidence_threshold, conformal_thresholds
from deepchord.shared.errors import InputError
from deepchord.shared.images import scaled
from deepchord.shared.messages import ConformalSets, EnsembleDescription
from deepchord.shared.uncertainty import (
    ConformalMethod,
    RunningUncertainty,
    calibrator_of,
    conformal_scores,
    conformal_sets,
    with_temperature,
)

if TYPE_CHECKING:
    import onnxruntime

#: How many images are computed at a time: enough for fast convolutions, few enough for the processor's cache.
_CHUNK = 128


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked about images besides their probabilities."""

    #: Images below this calibrated confidence are not answered; None: that is not asked.
    threshold: float | None = None
    #: The thresholds of conformal sets; None: no sets are asked for.
    sets: ConformalSets | None = None
    #: Whether the probabilities of each member are wanted.
    members: bool = False


def ask(
    description: EnsembleDescription,
    *,
    risk: float | None,
    sets: float | None,
    set_method: ConformalMethod,
    per_class: bool,
    members: bool,
) -> Question:
    """Return a question with its thresholds; see `Ensemble.predict` for the arguments.

    Raises:
        InputError: The ensemble has no thresholds for this risk or level.
    """
    return Question(
        threshold=None if risk is None else confidence_threshold(description, risk),
        sets=None if sets is None else conformal_thresholds(description, sets, set_method, per_class=per_class),
        members=members,
    )


class Answers:
    """An ensemble's graph, ready to compute; several threads may use it at once."""

    def __init__(
        self,
        description: EnsembleDescription,
        session: "onnxruntime.InferenceSession",
        input_type: InputType,
        place: str,
    ) -> None:
        """Take the graph.

        Args:
            description: The ensemble.
            session: Computes its graph.
            input_type: What the graph takes.
            place: Where the ensemble comes from, for errors.
        """
        self._session = session
        self._input_type = input_type
        self._input = session.get_inputs()[0].name
        self._place = place
        self._class_names = description.dataset.class_names
        self._temperature = description.calibration.temperature if description.calibration else 1.0
        self._calibrator = calibrator_of(description.calibration) if description.calibration else None

    @property
    def takes_whole_numbers(self) -> bool:
        """Whether the graph takes uint8 only."""
        return self._input_type == "uint8"

    def answer(self, pixels: NDArray[Any], question: Question, threads: int | None = None) -> Prediction:
        """Return what the ensemble says of images.

        Args:
            pixels: [images, height, width, channels], uint8 or float32; or encoded rows, float32 [rows, features].
            question: What is asked about them.
            threads: How many chunks are computed at once; None: as many as there are cores.

        Raises:
            InputError: The graph takes uint8, and the images are floats.
        """
        if self._input_type == "uint8" and pixels.dtype != np.uint8:
            raise InputError(
                f"{self._place} was exported for whole numbers from 0 to 255 (uint8), found {pixels.dtype}: give "
                "those, or export it with --input float32."
            )
        return joined(list(self._chunks(pixels, question, threads)))

    def _chunks(self, pixels: NDArray[Any], question: Question, threads: int | None) -> Iterator[Prediction]:
        """Yield the answer to each chunk; several are computed side by side."""
        chunks = [pixels[start : start + _CHUNK] for start in range(0, len(pixels), _CHUNK)]
        if len(chunks) == 1 or threads == 1:
            yield from (self._chunk(chunk, question) for chunk in chunks)
            return
        from deepchord.shared.host import usable_cores  # its import takes longer than a single image

        with ThreadPoolExecutor(min(threads or usable_cores(), len(chunks))) as pool:
            yield from pool.map(lambda chunk: self._chunk(chunk, question), chunks)

    def _chunk(self, pixels: NDArray[Any], question: Question) -> Prediction:
        fed = np.ascontiguousarray(pixels) if self._input_type == "uint8" else scaled(pixels)
        (of_members,) = self._session.run([MEMBER_PROBABILITIES], {self._input: fed})
        running = RunningUncertainty(len(pixels), len(self._class_names))
        for member in range(of_members.shape[1]):
            running.add(of_members[:, member])
        mean, uncertainty = running.mean(), running.result()
        probabilities = self._calibrator(mean) if self._calibrator else mean
        confidence = probabilities.max(axis=1)
        return Prediction(
            probabilities=probabilities,
            labels=mean.argmax(axis=1).astype(np.int64),
            confidence=confidence,
            predictive_entropy=uncertainty.predictive_entropy,
            mutual_information=uncertainty.mutual_information,
            disagreement=uncertainty.disagreement,
            abstains=None if question.threshold is None else confidence < question.threshold,
            sets=None if question.sets is None else self._in_sets(mean, question.sets),
            members=of_members.transpose(1, 0, 2) if question.members else None,
            class_names=self._class_names,
        )

    def _in_sets(self, mean: NDArray[np.float32], sets: ConformalSets) -> NDArray[np.bool_]:
        # The thresholds were chosen for probabilities with the temperature alone.
        scores = conformal_scores(with_temperature(mean, self._temperature), sets.method)
        return conformal_sets(scores, sets.thresholds)
