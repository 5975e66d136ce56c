"""What a smaller or coarser file costs: its size, and its scores on the test images, beside the whole one."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepchord.ensemble.answers import Answers, Question
from deepchord.ensemble.sources import read_exported
from deepchord.shared.datasets import Dataset
from deepchord.shared.uncertainty import accuracy, expected_calibration_error, negative_log_likelihood


@dataclass(frozen=True, kw_only=True)
class FileScores:
    """How an exported file does on the test images."""

    size_bytes: int
    accuracy: float
    negative_log_likelihood: float
    expected_calibration_error: float
    #: For all test images, on all cores.
    duration_s: float
    #: On how many test images its prediction is another than that of the file it is compared with; 0 for that one.
    changed: int = 0


def compare_files(whole: Path, reduced: Path, dataset: Dataset) -> tuple[FileScores, FileScores]:
    """Return how two exported files do on the test images of a data set.

    Raises:
        InputError: A file cannot be read.
    """
    scores = []
    labels_of_whole = None
    for path in (whole, reduced):
        model = read_exported(path)
        answers = Answers(model.description, model.session, model.input_type, model.place)
        began = time.perf_counter()
        prediction = answers.answer(dataset.x_test, Question())
        took = time.perf_counter() - began
        labels_of_whole = prediction.labels if labels_of_whole is None else labels_of_whole
        scores.append(
            FileScores(
                size_bytes=path.stat().st_size,
                accuracy=accuracy(prediction.probabilities, dataset.y_test),
                negative_log_likelihood=negative_log_likelihood(prediction.probabilities, dataset.y_test),
                expected_calibration_error=expected_calibration_error(prediction.probabilities, dataset.y_test),
                duration_s=took,
                changed=int(np.count_nonzero(prediction.labels != labels_of_whole)),
            )
        )
    return scores[0], scores[1]
