"""What a table tells of images whose classes were predicted."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.prediction import Prediction
from deepchord.ensemble.tables.rows import Columns

#: Between the names of classes in one field.
_BETWEEN = "|"
#: Names of images are cut in `.npz`, whose texts all have one length.
LONGEST_NAME = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassRows:
    """The predicted classes of some images."""

    prediction: Prediction
    #: What each image is called.
    names_of_rows: Sequence[str]
    #: Their actual classes, int64 [images], -1 where one is not known; None: there are no columns for them.
    labels: NDArray[np.int64] | None
    #: What was predicted, the name of the column of names: `image` or `row`.
    item: str = "image"

    def __len__(self) -> int:
        return len(self.prediction)

    def columns(self) -> Columns:
        """Return the columns of a table."""
        prediction, labels = self.prediction, self.labels
        classes = np.array(prediction.class_names, dtype=str)
        columns: Columns = {
            self.item: np.array(self.names_of_rows, dtype=str),
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

    def arrays(self) -> Columns:
        """Return the arrays of the prediction, as they are."""
        arrays: Columns = {f"{self.item}s": np.array(self.names_of_rows, dtype=f"<U{LONGEST_NAME}")}
        for field in fields(self.prediction):
            value = getattr(self.prediction, field.name)
            if isinstance(value, np.ndarray) and field.name != "members":
                arrays[field.name] = value
        return arrays if self.labels is None else arrays | {"actual_labels": self.labels}

    def names(self) -> Columns:
        """Return the names of the classes."""
        return {"class_names": np.array(self.prediction.class_names, dtype=str)}
