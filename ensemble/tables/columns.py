"""What a table of predictions tells of each image: its columns, with their full names."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.prediction import Prediction

#: The columns by their names, in their order; each has one value for each image.
Columns: TypeAlias = dict[str, NDArray[Any]]
#: The actual classes of images, int64 [images], -1 where one is not known; None: none of them is known.
Labels: TypeAlias = NDArray[np.int64] | None
#: Between the names of classes in one field.
_BETWEEN = "|"


def columns_of(prediction: Prediction, names: Sequence[str], labels: Labels, item: str = "image") -> Columns:
    """Return the columns of some images.

    Args:
        prediction: What the ensemble says of them.
        names: What each image is called.
        labels: Their actual classes; None: there are no columns for them.
        item: What was predicted, the name of the column of names: `image` or `row`.
    """
    classes = np.array(prediction.class_names, dtype=str)
    columns: Columns = {
        item: np.array(names, dtype=str),
        "predicted_label": prediction.labels,
        "predicted_class": classes[prediction.labels],
        "confidence": prediction.confidence,
        "predictive_entropy": prediction.predictive_entropy,
        "mutual_information": prediction.mutual_information,
        "disagreement": prediction.disagreement,
    }
    if prediction.abstains is not None:
        columns["abstains"] = prediction.abstains
    if prediction.sets is not None:
        columns["prediction_set"] = np.array([_BETWEEN.join(each) for each in prediction.set_names()], dtype=str)
    if labels is not None:
        columns["actual_label"] = labels
        columns["is_right"] = labels == prediction.labels
    for index, name in enumerate(prediction.class_names):
        columns[f"probability_{name}"] = prediction.probabilities[:, index]
    return columns
