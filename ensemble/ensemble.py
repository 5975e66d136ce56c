"""A finished ensemble that answers questions: probabilities, how far they can be trusted, and its files."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.answers import Answers, AnyPrediction, ask
from deepchord.ensemble.graph import InputType, open_session
from deepchord.ensemble.inputs import ImageLike, RowsLike, as_images, as_rows, check_fit
from deepchord.ensemble.member import Member
from deepchord.ensemble.regression_prediction import RegressionPrediction
from deepchord.ensemble.sources import EnsembleMembers, ExportedModel, find_source
from deepchord.shared.errors import InputError
from deepchord.shared.messages import EnsembleDescription, Fitting
from deepchord.shared.network import Task
from deepchord.shared.uncertainty import ConformalMethod

if TYPE_CHECKING:
    import keras

#: What the names of what is predicted are called.
_NAMES: Mapping[Task, str] = {
    "classification": "class_names",
    "regression": "target_names",
    "multilabel": "label_names",
}


class Ensemble:
    """A finished ensemble; `deepchord.load` returns it.

    It is computed by ONNX Runtime on the processor, whatever engines trained the members, and may be asked by several
    threads at once.
    """

    def __init__(self, source: EnsembleMembers | ExportedModel) -> None:
        """Take what `find_source` found; reads, verifies and prepares all members."""
        self._source = source
        self._answers = _graph(source)

    @classmethod
    def load(cls, source: str | os.PathLike[str] = "last", *, storage: str | None = None) -> "Ensemble":
        """Return a finished ensemble.

        Args:
            source: A run's id or `last`; the URL of a storage (its last run) or of a run in it (`…/runs/ID`); a folder:
                a storage, a run in it, or what `deepchord collect` or `save` wrote; or a file of `deepchord export`.
            storage: Where runs are, if `source` is a run's id or `last`; None: `DEEPCHORD_STORAGE`, or the usual one.

        Raises:
            InputError: There is no such ensemble, or its run has not ended.
            RunFailedError: The run ended without an evaluation.
            StorageError: The storage cannot be reached, or something in it is damaged.
            EngineError: ONNX Runtime is not installed.
        """
        return cls(find_source(source if isinstance(source, str) else Path(source), storage))

    @property
    def description(self) -> EnsembleDescription:
        """What the ensemble is: its run, data set, network, members, calibration, thresholds."""
        return self._source.description

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class, by its index; raises `InputError` if something else is predicted."""
        self._check_task("classification", "class_names")
        return self.description.dataset.class_names

    @property
    def target_names(self) -> tuple[str, ...]:
        """The name of each predicted number; raises `InputError` if something else is predicted."""
        self._check_task("regression", "target_names")
        return tuple(target.name for target in self.description.dataset.targets)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The name of each label that may apply; raises `InputError` if something else is predicted."""
        self._check_task("multilabel", "label_names")
        return self.description.dataset.label_names

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Height, width and channels of an image; of a table the number of features."""
        return self.description.dataset.input_shape

    @property
    def members(self) -> tuple[Member, ...]:
        """The members; of an exported file they have no weights of their own, and are refused.

        Raises:
            InputError: The ensemble was loaded from an exported file.
        """
        source = self._members_source("members of their own")
        return tuple(Member(source, described) for described in source.description.members)

    @property
    def answers(self) -> Answers:
        """What computes, for whoever lays out images and asks questions itself."""
        return self._answers

    def answers_on(self, threads: int) -> Answers:
        """Return what computes each chunk of images on several threads; it has the weights once more in memory."""
        return _graph(self._source, threads)

    def __len__(self) -> int:
        return len(self.description.members)

    def __repr__(self) -> str:
        return f"<Ensemble of {len(self)} members from {self._source.place}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the content: members with their weights, or the exported file."""
        return Ensemble, (self._source,)

    # Predictions

    def predict(
        self,
        images: ImageLike | Sequence[ImageLike] | RowsLike,
        *,
        risk: float | None = None,
        sets: float | None = None,
        set_method: ConformalMethod = "lac",
        per_class: bool = False,
        members: bool = False,
        fit: Fitting = "none",
    ) -> AnyPrediction:
        """Return what the ensemble says of images, or of rows.

        That is a `Prediction`; of numbers a `RegressionPrediction`, and of labels a `MultilabelPrediction`.

        Args:
            images: An array [images, height, width, channels] or [images, height, width], or a single image without the
                first axis; the path of an image file; an image of Pillow; or a list of those. Whole numbers from 0 to
                255 are divided by 255, floats are taken as they are, as in training. For an ensemble that was trained
                on a table: the path of a table, a data frame of pandas or polars, an array [rows, columns] in the order
                of the training's columns, or a list of objects by their names.
            risk: The share of answers that may be wrong: `abstains` tells which images are better not answered. One of
                the risks of the run's evaluation, 0.05, 0.02, 0.01 or 0.005.
            sets: The probability with which `sets` hold the actual class: 0.9, 0.95 or 0.99.
            set_method: `lac` for the smallest sets, `aps` for sets that are larger where an image is harder.
            per_class: Whether that probability holds within each class, not only on average.
            members: Whether the probabilities of each member, or the means of their numbers, are returned, too.
            fit: `resize` scales images of another size and turns colours to grey, or grey to colours; `none` refuses
                them. Rows have no size: `resize` is refused.

        Raises:
            InputError: The images do not fit the networks, or there are no thresholds for this risk or level: there are
                none where numbers are predicted, which have `intervals` instead, or labels.
            DatasetError: An array has no valid shape, type or values.
        """
        question = ask(
            self.description, risk=risk, sets=sets, set_method=set_method, per_class=per_class, members=members
        )
        dataset = self.description.dataset
        check_fit(dataset, fit)
        inputs = as_images(images, dataset, fit) if dataset.table is None else as_rows(images, dataset)
        return self._answers.answer(inputs, question)

    def predict_proba(
        self, images: ImageLike | Sequence[ImageLike] | RowsLike, *, fit: Fitting = "none"
    ) -> NDArray[np.float32]:
        """Return calibrated probabilities, float32 [images, classes] or [images, labels]; see `predict`."""
        prediction = self.predict(images, fit=fit)
        if isinstance(prediction, RegressionPrediction):
            raise InputError(
                f"Run {self.description.run_id} predicts numbers, which have no probabilities: predict tells means and "
                "deviations."
            )
        return prediction.probabilities

    # Files

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the members into a folder that `deepchord.load` takes; return the folder.

        Raises:
            InputError: The folder cannot be written, or the ensemble was loaded from an exported file.
        """
        from deepchord.ensemble.export import save_members

        return save_members(self._members_source("weights to save"), Path(folder))

    def to_onnx(
        self,
        path: str | os.PathLike[str],
        *,
        half: bool = False,
        int8: bool = False,
        risk: float | None = None,
        input_type: InputType | None = None,
    ) -> Path:
        """Write the ensemble as one ONNX file, which anything with an ONNX runtime computes; return its path.

        Args:
            path: The file.
            half: Store weights as float16: half the size.
            int8: Compute with whole numbers of 8 bits: a quarter of the size, less exact.
            risk: Adds the output `abstains`, for the share of answers that may be wrong; see `predict`.
            input_type: What the file takes: `uint8`, divided by 255 inside, or `float32`, used as it is; None: the type
                of the training images.

        Raises:
            InputError: The file cannot be written, or the ensemble was loaded from an exported file.
            EngineError: The package onnx is not installed.
        """
        from deepchord.ensemble.export import ExportOptions, export_onnx

        options = ExportOptions(half=half, int8=int8, risk=risk, input_type=input_type)
        return export_onnx(self._members_source("weights to export"), Path(path), options)

    def to_keras(self) -> "keras.Model":
        """Return one model of Keras 3: all members, their mean, and its calibration.

        Its input is [images, height, width, channels], pixels as in the data set: whole numbers from 0 to 255 are
        divided by 255 inside. Its output is the calibrated probabilities; or those of the labels; of numbers
        `mean` and `standard_deviation` by these names.

        Raises:
            InputError: The ensemble was loaded from an exported file.
            EngineError: Keras 3 is not installed.
        """
        from deepchord.ensemble.export import keras_ensemble

        return keras_ensemble(self._members_source("weights for Keras"))

    def summary(self) -> str:
        """Return what the ensemble is, in a few lines."""
        from deepchord.ensemble.summary import summarize

        return summarize(self.description, self._source.place)

    def _check_task(self, task: Task, names: str) -> None:
        """Raise `InputError` unless this is predicted."""
        found = self.description.task
        if found != task:
            what = self.description.dataset.outputs.what
            raise InputError(f"Run {self.description.run_id} predicts {what}: no {names}, but {_NAMES[found]}.")

    def _members_source(self, wanted: str) -> EnsembleMembers:
        if isinstance(self._source, ExportedModel):
            raise InputError(
                f"{self._source.place} is an exported file, which has no {wanted}: load its run "
                f"({self.description.run_id}), or a folder of `deepchord collect`."
            )
        return self._source


def _graph(source: EnsembleMembers | ExportedModel, threads: int = 1) -> Answers:
    """Return the graph of members, ready to compute: their own one is made of their weights."""
    if isinstance(source, ExportedModel):
        session = source.session if threads == 1 else open_session(source.data, source.place, threads)
        return Answers(source.description, session, source.input_type, source.place)
    from deepchord.ensemble.export import graph_bytes

    session = open_session(graph_bytes(source), source.place, threads)
    return Answers(source.description, session, "float32", source.place)
