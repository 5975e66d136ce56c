"""Computes what an ensemble says of images or rows: its graph gives what the members say, and all else follows."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.answers.classes import ClassAnswers
from deepchord.ensemble.answers.labels import LabelAnswers
from deepchord.ensemble.answers.numbers import NumberAnswers
from deepchord.ensemble.answers.question import Question
from deepchord.ensemble.graph import InputType
from deepchord.ensemble.multilabel_prediction import MultilabelPrediction
from deepchord.ensemble.prediction import Prediction
from deepchord.ensemble.regression_prediction import RegressionPrediction
from deepchord.ensemble.rowwise import joined
from deepchord.shared.errors import InputError
from deepchord.shared.images import scaled
from deepchord.shared.messages import EnsembleDescription
from deepchord.shared.network import Task

if TYPE_CHECKING:
    import onnxruntime

#: Of classes, of numbers, or of labels.
AnyPrediction: TypeAlias = Prediction | RegressionPrediction | MultilabelPrediction
#: What reads what the members say, by what is predicted.
_READERS: Mapping[Task, type[ClassAnswers] | type[NumberAnswers] | type[LabelAnswers]] = {
    "classification": ClassAnswers,
    "regression": NumberAnswers,
    "multilabel": LabelAnswers,
}
#: How many images are computed at a time: enough for fast convolutions, few enough for the processor's cache.
_CHUNK = 128


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
        self._reader = _READERS[description.task](description)

    @property
    def takes_whole_numbers(self) -> bool:
        """Whether the graph takes uint8 only."""
        return self._input_type == "uint8"

    def answer(self, pixels: NDArray[Any], question: Question, threads: int | None = None) -> AnyPrediction:
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

    def _chunks(self, pixels: NDArray[Any], question: Question, threads: int | None) -> Iterator[AnyPrediction]:
        """Yield the answer to each chunk; several are computed side by side."""
        chunks = [pixels[start : start + _CHUNK] for start in range(0, len(pixels), _CHUNK)]
        if len(chunks) == 1 or threads == 1:
            yield from (self._chunk(chunk, question) for chunk in chunks)
            return
        from deepchord.shared.host import usable_cores  # its import takes longer than a single image

        with ThreadPoolExecutor(min(threads or usable_cores(), len(chunks))) as pool:
            yield from pool.map(lambda chunk: self._chunk(chunk, question), chunks)

    def _chunk(self, pixels: NDArray[Any], question: Question) -> AnyPrediction:
        fed = np.ascontiguousarray(pixels) if self._input_type == "uint8" else scaled(pixels)
        (of_members,) = self._session.run([self._reader.output], {self._input: fed})
        return self._reader.read(of_members, question)
