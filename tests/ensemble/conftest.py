"""A calibrated run in real storage, evaluated as a worker does it; nothing of it takes a second."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepchord.ensemble import Ensemble
from deepchord.ensemble.sources import EnsembleMembers, find_source
from deepchord.shared.checkpoints import EnsembleProbabilities, decode_ensemble_probabilities
from deepchord.shared.datasets import Dataset, dataset_of_table, publish_dataset
from deepchord.shared.messages import MemberSeeds, MemberSpec, Recipe, RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from deepchord.shared.tables import table_of_frame
from deepchord.worker.execution.evaluation_attempt import attempt_evaluation
from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member
from deepchord.worker.resources import Resources
from deepchord.worker.training import Observer
from tests.numpy_engine import NumpyEngine

RUN = "20260101-000000-beef"
CLASSES = ("dark", "left", "right")
_CLASSES = Dense(units="classes", activation="softmax")
_NUMBERS = Dense(units="outputs", activation="linear")
_LABELS = Dense(units="outputs", activation="sigmoid")


def halves(size: int, seed: int, *, floats: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Images of 4x4 pixels that are dark, or have a bright left or right half, with much noise; and their classes."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, size)
    pixels = generator.integers(0, 200, (size, 4, 4, 1))
    pixels[labels == 1, :, :2] += 30
    pixels[labels == 2, :, 2:] += 30
    images = pixels.astype(np.uint8)
    return (images / np.float32(100) - 1 if floats else images), labels


def make_run(folder: Path, *, floats: bool = False, run_id: str = RUN, data: Dataset | None = None) -> None:
    """Train and evaluate three members into a storage; the calibration has 900 images, enough for its map."""
    if data is None:
        (x_train, y_train), (x_test, y_test) = halves(1800, 1, floats=floats), halves(400, 2, floats=floats)
        data = Dataset(
            name="halves", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test, class_names=CLASSES
        )
    # Nobody answers at this broker: progress is shown nowhere.
    nowhere = "redis://127.0.0.1:1/0"
    resources = Resources(load_settings(broker=nowhere, storage=str(folder), cache=folder.parent / "cache"))
    resources.engine = NumpyEngine()
    run = RunSpec(
        run_id=run_id,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        preset="quick",
        dataset=publish_dataset(data, resources.store),
        architecture=Architecture(
            layers=(Flatten(), {"regression": _NUMBERS, "multilabel": _LABELS}.get(data.task, _CLASSES))
        ),
        recipe=Recipe(
            optimizer="sgd",
            learning_rate=1.0 if data.label_names else 0.1,
            batch_size=64,
            epochs={"classification": 2, "regression": 10, "multilabel": 30}[data.task],
            validation_fraction=0.1,
            calibration_fraction=0.5,
            patience=3,
        ),
        members=3,
        min_members=2,
        seed=1,
        max_attempts=2,
    )
    resources.store.create_run(run)
    for index in range(run.members):
        seeds = MemberSeeds(split=index, initialization=10 + index, shuffling=20 + index, dropout=30 + index)
        spec = MemberSpec(run_id=run_id, index=index, seeds=seeds)
        attempt_member(resources, run, spec, BegunAttempt(number=1), Observer(), lambda line: None)
    attempt_evaluation(resources, run, lambda: None)


def flowers(size: int, seed: int) -> pd.DataFrame:
    """Return flowers of three kinds; a column is the same in all of them, and a length is missing."""
    generator = np.random.default_rng(seed)
    kinds = generator.integers(0, 3, size)
    lengths = generator.normal(size=size) + kinds
    lengths[1] = np.nan
    return pd.DataFrame(
        {
            "garden": "north",
            "length": lengths,
            "colour": np.array(["red", "white", "blue"])[(kinds + (generator.random(size) < 0.2)) % 3],
            "kind": np.array(["aster", "rose", "tulip"])[kinds],
        }
    )


def houses(size: int, seed: int) -> pd.DataFrame:
    """Return houses with what they cost and when they were built; an area is missing."""
    generator = np.random.default_rng(seed)
    area, rooms = generator.normal(100, 20, size), generator.integers(1, 7, size)
    price = 2000 * area + 15_000 * rooms + generator.normal(0, 10_000, size)
    built = 1950 + 0.5 * area + generator.normal(0, 5, size)
    area[1] = np.nan
    return pd.DataFrame({"area": area, "rooms": rooms, "price": price, "built": built})


def meadows(size: int, seed: int) -> pd.DataFrame:
    """Return meadows and which flowers grow on them; a height is missing, and one flower is told in words."""
    generator = np.random.default_rng(seed)
    height, wet = generator.normal(size=size), generator.normal(size=size)
    grows = {
        name: value + generator.logistic(size=size) > 0
        for name, value in (("gentian", 2 * height - 1), ("orchid", wet + height), ("rush", 2 * wet))
    }
    height[1] = np.nan
    frame = pd.DataFrame({"height": height, "wet": wet, **grows})
    return frame.assign(gentian=frame.gentian.astype(int), orchid=np.where(frame.orchid, "yes", "no"))


FLOWERS = ("gentian", "orchid", "rush")


@pytest.fixture(scope="session")
def label_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with one evaluated run that predicts which of three labels apply; nobody may change it."""
    folder = tmp_path_factory.mktemp("labels") / "storage"
    table = table_of_frame(meadows(800, 1))
    make_run(folder, data=dataset_of_table(table, name="meadows", target=",".join(FLOWERS), task="multilabel"))
    return folder


@pytest.fixture(scope="session")
def botanist(label_storage: Path) -> Ensemble:
    return Ensemble.load(RUN, storage=str(label_storage))


@pytest.fixture(scope="session")
def number_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with one evaluated run that predicts two numbers; nobody may change it."""
    folder = tmp_path_factory.mktemp("numbers") / "storage"
    table = table_of_frame(houses(800, 1))
    make_run(folder, data=dataset_of_table(table, name="houses", target="price,built", task="regression"))
    return folder


@pytest.fixture(scope="session")
def valuer(number_storage: Path) -> Ensemble:
    return Ensemble.load(RUN, storage=str(number_storage))


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with one evaluated run; nobody may change it."""
    folder = tmp_path_factory.mktemp("ensemble") / "storage"
    make_run(folder)
    return folder


@pytest.fixture(scope="session")
def table_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables") / "storage"
    make_run(folder, data=dataset_of_table(table_of_frame(flowers(600, 1)), name="flowers", target="kind"))
    return folder


@pytest.fixture(scope="session")
def gardener(table_storage: Path) -> Ensemble:
    return Ensemble.load(RUN, storage=str(table_storage))


@pytest.fixture(scope="session")
def members(storage: Path) -> EnsembleMembers:
    source = find_source(RUN, str(storage))
    assert isinstance(source, EnsembleMembers)
    return source


@pytest.fixture(scope="session")
def ensemble(members: EnsembleMembers) -> Ensemble:
    return Ensemble(members)


@pytest.fixture(scope="session")
def evaluated(storage: Path) -> EnsembleProbabilities:
    """What the evaluation of the run stored."""
    store = RunStore.open(load_settings(storage=str(storage)))
    run, evaluation = store.last_evaluation(store.run(RUN))
    data = store.evaluation(run).probabilities(evaluation.probabilities_sha256)
    return decode_ensemble_probabilities(data, "it")


@pytest.fixture(scope="session")
def test_images() -> tuple[np.ndarray, np.ndarray]:
    return halves(400, 2)


@pytest.fixture
def changed_members(members: EnsembleMembers) -> Callable[..., EnsembleMembers]:
    """Return the same members with a description that differs in some fields."""

    def change(**fields: object) -> EnsembleMembers:
        description = members.description.model_copy(update=fields)
        return EnsembleMembers(description=description, place=members.place, read=members.read)

    return change
