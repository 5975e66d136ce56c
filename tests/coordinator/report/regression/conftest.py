"""Ensembles that predict numbers, evaluated as a worker does it: members are lines, fitted on some of the rows."""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepchord.coordinator.report import RegressionContent
from deepchord.coordinator.report.regression.page import render_page
from deepchord.shared.datasets import Dataset, Images, RowsDescription, labelled_dataset
from deepchord.shared.datasets.dataset import dataset_from_arrays
from deepchord.shared.datasets.tables import LabelledRows
from deepchord.shared.messages import (
    DatasetInfo,
    EpochMetrics,
    MemberRecord,
    Recipe,
    RunSpec,
    StratifiedSplit,
    TrainedMember,
)
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.regression import standardised
from deepchord.shared.tables import table_of_objects
from deepchord.worker.evaluation import Candidate, Evaluator
from deepchord.worker.studies import Conditions
from deepchord.worker.studies.regression import study_regression
from tests.coordinator.report.conftest import RUN, STARTED, failed_member, member_spec, trainer

MakeNumbers = Callable[..., RegressionContent]
TRAIN_ROWS = 240


class Lines:
    """An engine whose networks are one dense layer without an activation."""

    name = "lines"

    def build(self, architecture: Any, recipe: Any = None) -> "Lines":
        return self

    def set_weights(self, weights: Any) -> None:
        ((self._kernel, self._bias),) = weights

    def outputs(self, images: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(images.reshape(len(images), -1) @ self._kernel + self._bias, dtype=np.float32)


@pytest.fixture(scope="session")
def make_numbers() -> MakeNumbers:
    """Return a function that makes up a content; see `build_numbers` for what it takes."""
    return build_numbers


@pytest.fixture(scope="session")
def numbers_text() -> Callable[[RegressionContent], str]:
    """Return a function that returns what the page says, without its markup."""

    def text_of(content: RegressionContent) -> str:
        body = render_page(content).partition("<body")[2].partition("<script>")[0]
        return re.sub(r"<[^>]*>", "", html.unescape(body)).replace("\n", " ")

    return text_of


def build_numbers(
    *,
    members: int = 4,
    failed: Sequence[int] = (),
    targets: Sequence[str] = ("rent",),
    test_rows: int = 120,
    noise: float = 0.5,
    spread: float = 1.0,
    of_images: bool = False,
    held_out: bool = True,
    calibration_rows: int = 0,
    unit: float = 100.0,
    hosts: int = 1,
    title: str = RUN,
    error: str = "The loss became NaN in epoch 2.",
    column: str = "size",
    studied: bool = False,
) -> RegressionContent:
    """Return an ensemble of lines.

    Args:
        noise: The standard deviation of the noise, where that of what can be learnt is about 1.
        spread: By which factor the members' standard deviations are too large.
        of_images: Whether numbers are predicted of images; else of rows with three columns.
        held_out: Whether each member holds out every other row.
        calibration_rows: How many rows no member is trained on.
        studied: Whether inputs far from the training were looked at, and images also shifted.
        unit: What the numbers are multiplied with.
    """
    random = np.random.default_rng(11)
    dataset = build_dataset(random, targets, test_rows, noise, unit, of_images, column)
    network = Architecture(layers=(Flatten(), Dense(units="outputs", activation="linear")))
    spec = build_spec(dataset, members, network)
    trained = [index for index in range(members) if index not in failed]
    candidates = [
        Candidate(
            index=index,
            network=spec.dataset.network(network),
            weights=partial(line, dataset, index, noise * spread),
            held_out=partial(np.arange, index % 2, TRAIN_ROWS, 2) if held_out else None,
        )
        for index in trained
    ]
    strangers = Images(name="strangers <b>", pixels=np.float32(3) * dataset.x_test)
    found = study_regression(
        Evaluator(engine=Lines(), trainer=trainer(0)),
        dataset,
        candidates,
        members,
        Conditions(unseen=strangers if studied else None, shifts=studied and of_images),
        calibration_rows=np.arange(calibration_rows) if calibration_rows else None,
    )
    records = {
        index: MemberRecord(
            member=failed_member(index, trainer(index % hosts), error)
            if index in failed
            else trained_member(index, index % hosts)
        )
        for index in range(members)
    }
    return RegressionContent(
        title=title,
        command="deepchord train recipe.toml",
        spec=spec,
        records=records,
        member_names={index: str(index) for index in range(members)},
        evaluation=found.evaluation.model_copy(update={"duration_s": 1.5}),
        predictions=found.predictions,
        unseen=found.unseen,
        shifted=found.shifted,
        dataset=dataset,
        started_at=STARTED,
    )


def build_dataset(
    random: np.random.Generator,
    targets: Sequence[str],
    test_rows: int,
    noise: float,
    unit: float,
    of_images: bool,
    column: str,
) -> Dataset:
    def numbers(values: NDArray[Any]) -> NDArray[np.float64]:
        told = values[:, :1] * np.linspace(1, 0.5, len(targets)) + np.arange(len(targets))
        return (told + noise * random.normal(size=told.shape)) * unit

    if of_images:
        pixels = [random.random((size, 6, 6, 1)).astype(np.float32) for size in (TRAIN_ROWS, test_rows)]
        train, test = (numbers(4 * each.reshape(len(each), -1)[:, :1]) for each in pixels)
        arrays = {"x_train": pixels[0], "y_train": train, "x_test": pixels[1], "y_test": test}
        return dataset_from_arrays(arrays | {"target_names": np.array(targets)}, name="made-up", source="made-up")
    both = [random.normal(size=(size, 1)) for size in (TRAIN_ROWS, test_rows)]
    train, test = (
        LabelledRows(
            rows=table_of_objects([{column: float(x), "town": "ab"[int(x > 0)], "same": 1} for (x,) in each], "rows"),
            labels=numbers(each),
        )
        for each in both
    )
    described = RowsDescription(name="made-up.csv", source="rows", targets=tuple(targets), task="regression")
    dataset = labelled_dataset(train, test, described, split=StratifiedSplit(share=0.2, seed=0))
    return replace(dataset, rows=None)


def line(dataset: Dataset, index: int, deviation: float) -> Any:
    """Return the weights of a line that is fitted on a sample of the rows, with the same variance everywhere."""
    chosen = np.random.default_rng(index).integers(0, TRAIN_ROWS, TRAIN_ROWS // 4)
    rows = dataset.x_train[chosen].reshape(len(chosen), -1)
    wanted = standardised(dataset.y_train, dataset.targets)[chosen]
    inputs = np.column_stack([rows, np.ones(len(rows))])
    ridge = 0.05 * len(rows) * np.eye(inputs.shape[1])
    fitted = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ wanted)
    variance = deviation**2 / (1 + deviation**2)
    raw = np.full(wanted.shape[1], np.log(np.expm1(max(variance, 1e-4))))
    kernel = np.hstack([fitted[:-1], np.zeros_like(fitted[:-1])]).astype(np.float32)
    return ((kernel, np.concatenate([fitted[-1], raw]).astype(np.float32)),)


def build_spec(dataset: Dataset, members: int, network: Architecture) -> RunSpec:
    return RunSpec(
        run_id=RUN,
        created_at=STARTED,
        preset="tabular",
        dataset=DatasetInfo(
            name=dataset.name,
            sha256="d" * 64,
            input_shape=dataset.x_train.shape[1:],
            targets=dataset.targets,
            train_size=len(dataset.y_train),
            test_size=len(dataset.y_test),
            table=dataset.table,
        ),
        architecture=network,
        recipe=Recipe(
            optimizer="adam", learning_rate=0.002, batch_size=64, epochs=25, validation_fraction=0.2, patience=5
        ),
        members=members,
        min_members=1,
        seed=42,
        max_attempts=3,
    )


def trained_member(index: int, host: int) -> TrainedMember:
    epochs = tuple(
        EpochMetrics(
            train_loss=30.0 if step == 0 else 1.5 / step,
            train_error=1.0 / (step + 1),
            validation_loss=1.6 / (step + 1) + 0.01 * index,
            validation_error=1.1 / (step + 1),
            duration_s=2.0,
        )
        for step in range(6)
    )
    return TrainedMember(
        spec=member_spec(index),
        attempt=1,
        trainer=trainer(host),
        started_at=STARTED,
        finished_at=STARTED + timedelta(seconds=12),
        history=epochs,
        best_epoch=6,
        weights_sha256="a" * 64,
        probabilities_sha256="b" * 64,
    )
