"""Made-up ensembles of any size, so that each test states only what it is about."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.page import render_page
from deepchord.shared.checkpoints import EnsembleProbabilities
from deepchord.shared.datasets import Dataset, Images
from deepchord.shared.messages import (
    DatasetInfo,
    EnsembleEvaluation,
    EpochMetrics,
    FailedMember,
    MemberEvaluation,
    MemberRecord,
    MemberSeeds,
    MemberSpec,
    Misclassified,
    Recipe,
    RunSpec,
    Scores,
    TrainedMember,
    Trainer,
)
from deepchord.shared.network import Architecture, Conv2D, Dense, Flatten
from deepchord.worker.evaluation.metrics import balanced
from deepchord.worker.evaluation.uncertainty import UncertaintyCollector
from deepchord.worker.studies.conditions import ShiftCollector, UnseenCollector

STARTED = datetime(2026, 11, 23, 6, 40, tzinfo=UTC)
RUN = "20261123-064000-c0de"

MakeContent = Callable[..., ReportContent]
#: Which images the probabilities are calibrated on, if their uncertainty is measured.
Measured = Literal["calibration_images", "out_of_bag", "uncalibrated"]


@pytest.fixture(scope="session")
def make_content() -> MakeContent:
    """Return a function that makes up a content; see `build_content` for what it takes."""
    return build_content


@pytest.fixture(scope="session")
def page_text() -> Callable[[ReportContent], str]:
    """Return a function that returns what the page says, without its markup."""

    def text_of(content: ReportContent) -> str:
        body = render_page(content).partition("<body")[2].partition("<script>")[0]
        return re.sub(r"<[^>]*>", "", html.unescape(body)).replace("\n", " ")

    return text_of


def build_content(
    *,
    members: int = 3,
    failed: tuple[int, ...] = (),
    classes: int = 4,
    shape: tuple[int, int, int] = (8, 8, 1),
    test_size: int = 200,
    accuracy: float = 0.8,
    epochs: int = 5,
    records: bool = True,
    hosts: int = 1,
    title: str = RUN,
    error: str = "The loss became NaN in epoch 2.",
    class_names: tuple[str, ...] | None = None,
    float_images: bool = False,
    parity: float | None = 3e-7,
    measured: Measured | None = None,
    studied: bool = False,
    test_labels: NDArray[Any] | None = None,
    all_equal: bool = False,
) -> ReportContent:
    """Return an ensemble whose members are right about `accuracy` of the test images, each in its own way."""
    random = np.random.default_rng(5)
    dataset = build_dataset(random, classes, shape, test_size, class_names, float_images)
    if test_labels is not None:
        dataset = replace(dataset, y_test=test_labels)
    trained = [index for index in range(members) if index not in failed]
    outputs = [probabilities(random, dataset.y_test, classes, accuracy) for _ in trained]
    if all_equal:
        outputs = [np.full_like(output, 1 / classes) for output in outputs]
    mean = np.mean(outputs, axis=0).astype(np.float32)
    trainers = [trainer(index % hosts) for index in range(members)]
    found: Mapping[int, MemberRecord] = {
        index: MemberRecord(
            member=failed_member(index, trainers[index], error)
            if index in failed
            else trained_member(index, trainers[index], epochs, random)
        )
        for index in range(members)
    }
    own = tuple(
        MemberEvaluation(
            index=index,
            train=Scores(loss=0.2, accuracy=0.93),
            test=scores(output, dataset.y_test),
            parity=parity if records else None,
            balanced=balanced(output, dataset.y_test) if measured else None,
        )
        for index, output in zip(trained, outputs, strict=True)
    )
    content = ReportContent(
        title=title,
        command="deepchord train recipe.toml" if records else "deepchord evaluate --weights 'old/*.hdf5'",
        spec=spec(dataset, members) if records else None,
        records=found if records else {},
        member_names={index: str(index) if records else f"best_weights_{index}.hdf5" for index in range(members)},
        evaluation=evaluation(dataset, mean, own, members),
        dataset=dataset,
        probabilities=EnsembleProbabilities(train=mean[:0], test=mean),
        started_at=STARTED if records else None,
    )
    if measured is not None:
        content = measured_content(content, outputs, measured, accuracy)
    return studied_content(content) if studied else content


def measured_content(
    content: ReportContent, outputs: Sequence[NDArray[np.float32]], measured: Measured, accuracy: float
) -> ReportContent:
    """Return a content whose uncertainty is measured as an evaluation does it."""
    random, dataset = np.random.default_rng(6), content.dataset
    classes, images = len(dataset.class_names), np.arange(len(dataset.y_train))
    calibration_images = images[::2] if measured == "calibration_images" else None
    collector = UncertaintyCollector(dataset.y_train, dataset.y_test, classes, calibration_images)
    train = [probabilities(random, dataset.y_train, classes, accuracy) for _ in outputs]
    for member, on_train, on_test in zip(content.evaluation.members, train, outputs, strict=True):
        held_out = images[member.index % 2 :: 2] if measured == "out_of_bag" else None
        collector.add(member.index, on_train, on_test, held_out)
    found = collector.result()
    return replace(
        content,
        evaluation=content.evaluation.model_copy(
            update={
                "uncertainty": found.uncertainty,
                "balanced": balanced(content.probabilities.test, dataset.y_test),
            }
        ),
        probabilities=replace(
            content.probabilities,
            calibrated_test=found.calibrated_test,
            test_uncertainty=found.images,
            test_predictions=found.predictions,
        ),
    )


def studied_content(content: ReportContent) -> ReportContent:
    """Return a content with unseen images and shifted ones, of which the members know nothing."""
    random, dataset = np.random.default_rng(7), content.dataset
    classes, uncertainty = len(dataset.class_names), content.evaluation.uncertainty
    assert content.probabilities.test_uncertainty is not None, "studied contents are measured"
    calibration = uncertainty.calibration if uncertainty is not None else None
    unseen = UnseenCollector(Images(name="strangers <b>", pixels=dataset.x_test), classes)
    shifts = ShiftCollector(dataset)

    def predict(images: NDArray[Any]) -> NDArray[np.float32]:
        return random.dirichlet(np.ones(classes), len(images)).astype(np.float32)

    for member in content.evaluation.members:
        unseen.add(member.index, predict(dataset.x_test), predict)
        shifts.add(predict)
    return replace(
        content,
        unseen=unseen.scores(content.probabilities.test_uncertainty),
        shifted=tuple(shifts.scores(calibration)),
        probabilities=replace(content.probabilities, unseen=unseen.mean(), unseen_uncertainty=unseen.measures()),
    )


def build_dataset(
    random: np.random.Generator,
    classes: int,
    shape: tuple[int, int, int],
    test_size: int,
    class_names: tuple[str, ...] | None,
    float_images: bool,
) -> Dataset:
    def images(size: int) -> NDArray[Any]:
        pixels = random.integers(0, 256, (size, *shape))
        return (pixels / 255).astype(np.float32) if float_images else pixels.astype(np.uint8)

    train_size = classes * 15
    return Dataset(
        name="made-up",
        x_train=images(train_size),
        y_train=np.arange(train_size) % classes,
        x_test=images(test_size),
        y_test=np.arange(test_size) % classes,
        class_names=class_names or tuple(f"class {index}" for index in range(classes)),
    )


def probabilities(
    random: np.random.Generator, labels: NDArray[Any], classes: int, accuracy: float
) -> NDArray[np.float32]:
    """Return probabilities [size, classes] whose largest is the label's in a share `accuracy` of the rows."""
    wrong = (labels + random.integers(min(1, classes - 1), classes, len(labels))) % classes
    chosen = np.where(random.random(len(labels)) < accuracy, labels, wrong)
    raw = random.random((len(labels), classes)) * 0.3
    raw[np.arange(len(labels)), chosen] += 1
    return (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)


def scores(output: NDArray[np.float32], labels: NDArray[Any]) -> Scores:
    chosen = output[np.arange(len(labels)), labels]
    return Scores(loss=float(-np.log(chosen).mean()), accuracy=float((output.argmax(axis=1) == labels).mean()))


def evaluation(
    dataset: Dataset, mean: NDArray[np.float32], own: tuple[MemberEvaluation, ...], members: int
) -> EnsembleEvaluation:
    predicted = mean.argmax(axis=1)
    counts = np.zeros((len(dataset.class_names), len(dataset.class_names)), dtype=np.int64)
    np.add.at(counts, (dataset.y_test, predicted), 1)
    return EnsembleEvaluation(
        requested=members,
        trained=len(own),
        evaluator=trainer(0),
        evaluated_at=STARTED + timedelta(hours=1),
        duration_s=12.5,
        members=own,
        train=Scores(loss=0.11, accuracy=0.9612),
        test=scores(mean, dataset.y_test),
        confusion=tuple(tuple(int(count) for count in row) for row in counts),
        misclassified=tuple(
            Misclassified(
                test_index=int(index),
                actual=int(dataset.y_test[index]),
                predicted=int(predicted[index]),
                predicted_probability=float(mean[index, predicted[index]]),
                actual_probability=float(mean[index, dataset.y_test[index]]),
            )
            for index in np.flatnonzero(predicted != dataset.y_test)[:50]
        ),
        probabilities_sha256="0" * 64,
    )


def trainer(host: int) -> Trainer:
    engine = ("tensorflow", "torch")[host % 2]
    return Trainer(host=f"host-{host}", engine=engine, engine_version="2.21.0", device=f"cpu:{host}")


def member_spec(index: int) -> MemberSpec:
    return MemberSpec(
        run_id=RUN, index=index, seeds=MemberSeeds(split=1, initialization=2, shuffling=3, dropout=4 + index)
    )


def trained_member(index: int, where: Trainer, epochs: int, random: np.random.Generator) -> TrainedMember:
    steps = np.arange(1, epochs + 1)
    noise = random.normal(0, 0.01, (2, epochs))
    history = tuple(
        EpochMetrics(
            train_loss=float(0.2 + 0.9 / step),
            train_accuracy=float(0.95 - 0.3 / step),
            validation_loss=float(abs(0.3 + 0.6 / step + noise[0, step - 1])),
            validation_accuracy=float(np.clip(0.92 - 0.2 / step + noise[1, step - 1], 0, 1)),
            duration_s=30.0,
        )
        for step in steps
    )
    best = 1 + int(np.argmax([epoch.validation_accuracy for epoch in history]))
    start = STARTED + timedelta(minutes=10 * index)
    return TrainedMember(
        spec=member_spec(index),
        attempt=1,
        trainer=where,
        started_at=start,
        finished_at=start + timedelta(seconds=611.26 + index),
        history=history,
        best_epoch=best,
        weights_sha256="a" * 64,
        probabilities_sha256="b" * 64,
    )


def failed_member(index: int, where: Trainer, error: str) -> FailedMember:
    return FailedMember(
        spec=member_spec(index), attempt=3, trainer=where, finished_at=STARTED + timedelta(hours=1), error=error
    )


def spec(dataset: Dataset, members: int) -> RunSpec:
    height, width, channels = dataset.x_train.shape[1:]
    return RunSpec(
        run_id=RUN,
        created_at=STARTED,
        preset="notebook",
        dataset=DatasetInfo(
            name=dataset.name,
            sha256="d" * 64,
            input_shape=(height, width, channels),
            class_names=dataset.class_names,
            train_size=len(dataset.y_train),
            test_size=len(dataset.y_test),
        ),
        architecture=Architecture(
            layers=(Conv2D(filters=4), Flatten(), Dense(units="classes", activation="softmax")),
        ),
        recipe=Recipe(
            optimizer="nadam", learning_rate=0.002, batch_size=128, epochs=25, validation_fraction=0.2, patience=10
        ),
        members=members,
        min_members=1,
        seed=42,
        max_attempts=3,
    )
